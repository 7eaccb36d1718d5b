"""Images in terminals: which terminal gets which bytes, and what never gets out."""

from __future__ import annotations

import base64
import io
import os
import re
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.content import Block, MediaContent, OpaqueContent, TextBlock
from lamella.errors import ConfigError
from lamella.events import (
    Event,
    MediaOutputDone,
    MessageOutputDone,
    RunStreamEvent,
    StreamStart,
    ToolOutputDone,
)
from lamella.messages import Message
from lamella_console import ConsoleSink
from lamella_console._thumbnail import thumbnail
from lamella_console.pictures import Pictures, detect, iterm2, kitty

ONLY_KITTY = re.compile(r"(\x1b_G[a-zA-Z0-9=,]+;[A-Za-z0-9+/=]{1,4096}\x1b\\)+")
ONLY_ITERM2 = re.compile(r"\x1b]1337;File=[a-zA-Z0-9=;]+:[A-Za-z0-9+/=]+\x07")


class Screen(io.StringIO):
    """A text file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No terminal of whoever runs the tests."""
    for name in ("TMUX", "STY", "TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


def image_bytes(form: str = "PNG", size: tuple[int, int] = (2, 2), mode: str = "RGB") -> bytes:
    image = pytest.importorskip("PIL.Image").new(mode, size)
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def png(form: str = "PNG", size: tuple[int, int] = (2, 2), **fields: Any) -> MediaContent:
    return MediaContent(data=image_bytes(form, size), mime_type=f"image/{form.lower()}", **fields)


async def show(*events: Event, file: io.StringIO | None = None, **chosen: Any) -> str:
    out = Screen() if file is None else file
    sink = ConsoleSink(stream=out, color="never", **chosen)
    await sink.open()
    await sink.write([RunStreamEvent(event=event, run_id="r", seq=seq) for seq, event in enumerate(events)])
    await sink.close()
    return out.getvalue()


# -- which terminal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "wezterm"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "TERM_PROGRAM": "iTerm.app"}, "kitty"),
        ({"TERM": "dumb", "TERM_PROGRAM": "iTerm.app"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/run/tmux,1,0"}, None),
        ({"TERM": "xterm-kitty", "STY": "1.pts"}, None),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "screen.xterm", "LC_TERMINAL": "iTerm2"}, None),
    ],
)
def test_the_environment_tells_what_a_terminal_can(environ: Mapping[str, str], protocol: str | None) -> None:
    assert detect(environ) == protocol


async def test_images_are_drawn_where_they_can_be_and_named_everywhere(terminal: pytest.MonkeyPatch) -> None:
    event = MediaOutputDone(media=png(name="dot.png"))
    line = f"[dot.png, image/png, {event.media.size} bytes]\n"  # type: ignore[union-attr]
    assert await show(event) == line
    terminal.setenv("TERM", "xterm-kitty")
    terminal.setenv("NO_COLOR", "1")  # it says nothing of images
    drawn = await show(event)
    assert drawn.startswith(line + "\x1b_Ga=T,f=100,q=2,c=1,m=0;")
    assert ONLY_KITTY.fullmatch(drawn.removeprefix(line).rstrip("\n"))
    assert await show(event, images="never") == line
    assert await show(event, file=io.StringIO()) == line
    terminal.setenv("TMUX", "x")
    assert await show(event) == line
    assert await show(event, images="always") == drawn


async def test_always_means_every_terminal_but_only_terminals() -> None:
    event = MediaOutputDone(media=png())
    assert "\x1b_G" in await show(event, images="always")
    assert "\x1b" not in await show(event, images="always", file=io.StringIO())


async def test_settings_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="images must be one of"):
        ConsoleSink(images="sixel")  # type: ignore[arg-type]
    monkeypatch.setattr("lamella_console.pictures.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install \"lamella-console\[images\]\""):
        ConsoleSink(images="always")
    ConsoleSink(images="auto")


async def test_without_pillow_there_is_the_line(terminal: pytest.MonkeyPatch) -> None:
    event = MediaOutputDone(media=png())
    terminal.setenv("TERM", "xterm-kitty")
    for name in [name for name in sys.modules if name.startswith("PIL")]:
        terminal.delitem(sys.modules, name)
    terminal.setitem(sys.modules, "PIL", None)
    shown = await show(event)
    assert shown.startswith("[image/png")
    assert "\x1b" not in shown


# -- which events ---------------------------------------------------------------------------------


async def test_what_was_sent_made_and_returned_by_tools_is_shown_once(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("TERM_PROGRAM", "iTerm.app")
    earlier = Message.user(["before", png(name="earlier.png")])
    asked = Message.user(
        ["what is this?", png(name="sent.png"), MediaContent(data=b"x", mime_type="audio/wav")]
    )
    shown = await show(
        StreamStart(input=(earlier, asked)),
        ToolOutputDone(call_id="c", name="shot", output=(TextBlock(text="here:"), png(name="shot.png"))),
        MediaOutputDone(media=png("WEBP", name="made.webp")),
        MediaOutputDone(media=OpaqueContent(type="acme.model3d")),
        MessageOutputDone(output="done"),
    )
    size = len(image_bytes())
    webp = len(image_bytes("WEBP"))
    assert re.sub(r"\x1b].*?\x07", "<picture>", shown) == (
        f"[sent.png, image/png, {size} bytes]\n<picture>\n[audio/wav, 1 bytes]\n"
        f"  shot -> here: [shot.png, image/png, {size} bytes]\n  <picture>\n"
        f"[made.webp, image/webp, {webp} bytes]\n<picture>\n[acme.model3d]\n\ndone\n"
    )


async def test_a_description_is_one_line_without_controls() -> None:
    hostile = MediaContent(
        data=b"x", mime_type="image/png", name="a\n\x1b]0;owned\x07\x9b31m.png" + "x" * 999
    )
    shown = await show(MediaOutputDone(media=hostile))
    assert shown.count("\n") == 1
    assert not set(shown) & {"\x1b", "\x07", "\x9b"}
    assert len(shown) < 500


async def test_a_picture_is_no_wider_than_the_terminal(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("TERM", "xterm-kitty")
    terminal.setenv("COLUMNS", "30")
    event = MediaOutputDone(media=png(size=(3000, 100)))
    assert ",c=29,m=" in await show(event)
    terminal.setenv("COLUMNS", "300")
    assert ",c=60,m=" in await show(event)
    assert ",c=2,m=" in await show(MediaOutputDone(media=png(size=(40, 800))))  # 20 rows high


# -- the bytes ------------------------------------------------------------------------------------


def test_the_bytes_of_kitty() -> None:
    assert kitty(b"abc", 7) == "\x1b_Ga=T,f=100,q=2,c=7,m=0;YWJj\x1b\\"
    data = bytes(range(256)) * 24 + b"x"  # 6145 bytes: 8196 characters, two full pieces and a rest
    text = base64.b64encode(data).decode()
    assert kitty(data, 60) == (
        f"\x1b_Ga=T,f=100,q=2,c=60,m=1;{text[:4096]}\x1b\\\x1b_Gm=1;{text[4096:8192]}\x1b\\\x1b_Gm=0;{text[8192:]}\x1b\\"
    )
    assert kitty(bytes(3072), 1).count("\x1b_G") == 1  # exactly one piece


def test_the_bytes_of_iterm2() -> None:
    assert iterm2(b"abc", 7) == (
        "\x1b]1337;File=inline=1;size=3;width=7;height=auto;preserveAspectRatio=1:YWJj\x07"
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize(("term", "sequence"), [("xterm-kitty", ONLY_KITTY), ("wezterm", ONLY_ITERM2)])
def test_every_format_leaves_as_a_new_png(
    terminal: pytest.MonkeyPatch, form: str, term: str, sequence: re.Pattern[str]
) -> None:
    terminal.setenv("TERM", term)
    text = Pictures(Screen(), "auto").of(png(form, (300, 200)), 80)
    assert sequence.fullmatch(text)
    payload = "".join(re.findall(r"[;:]([A-Za-z0-9+/=]+)(?:\x1b\\|\x07)", text))
    assert base64.b64decode(payload).startswith(b"\x89PNG\r\n\x1a\n")


def test_nothing_of_a_models_bytes_gets_out_as_it_came(terminal: pytest.MonkeyPatch) -> None:
    """Text chunks and what follows the image are not in the picture."""
    terminal.setenv("TERM", "wezterm")
    data = image_bytes()
    secret = b"tEXtComment\0\x1b]0;owned\x07"
    chunk = struct.pack(">I", len(secret) - 4) + secret + struct.pack(">I", zlib.crc32(secret))
    hostile = data[:33] + chunk + data[33:] + b"\x1b]0;owned\x07"
    picture = thumbnail(hostile)
    assert picture is not None
    assert b"owned" not in picture.png


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_bytes_break_the_picture_or_the_sequence(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from([image_bytes("PNG"), image_bytes("GIF"), image_bytes("WEBP"), image_bytes("JPEG")])
    )
    spoiled = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    picture = thumbnail(bytes(spoiled))
    if picture is not None:
        assert ONLY_KITTY.fullmatch(kitty(picture.png, 5))
        assert max(picture.width, picture.height) <= 800


def test_pictures_are_small() -> None:
    picture = thumbnail(image_bytes("JPEG", (4000, 2000)))
    assert picture is not None
    assert (picture.width, picture.height) == (800, 400)
    assert len(picture.png) < 4_000_000


def test_what_is_too_large_or_no_image_is_not_drawn() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    bomb += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    rows = zlib.compress(bytes(100_000))
    bomb += struct.pack(">I", len(rows)) + b"IDAT" + rows + struct.pack(">I", zlib.crc32(b"IDAT" + rows))
    for data in (
        bomb,
        bytes(33_000_000),
        b"",
        b"nonsense",
        image_bytes()[:40],
        b"<svg/>",
        image_bytes("BMP"),
    ):
        assert thumbnail(data) is None


def test_only_images_that_are_here_are_drawn(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("TERM", "xterm-kitty")
    pictures = Pictures(Screen(), "auto")
    blocks: list[Block] = [
        MediaContent(url="https://example.com/a.png", mime_type="image/png"),
        MediaContent(data=image_bytes(), mime_type="application/pdf"),
        OpaqueContent(type="image"),
        TextBlock(text="x"),
    ]
    assert [pictures.of(block, 80) for block in blocks] == ["", "", "", ""]
    assert pictures.of(png(), 80)


# -- at a terminal --------------------------------------------------------------------------------

SCRIPT = """
import asyncio, sys
from lamella.content import MediaContent
from lamella.events import MediaOutputDone, RunStreamEvent
from lamella_console import ConsoleSink

async def main():
    sink = ConsoleSink()
    await sink.open()
    media = MediaContent(data=open(sys.argv[1], "rb").read(), mime_type="image/png", name="dot.png")
    await sink.write([RunStreamEvent(event=MediaOutputDone(media=media), run_id="r", seq=0)])
    await sink.close()

asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
@pytest.mark.parametrize(
    ("environ", "begins"),
    [
        ({"TERM": "xterm-kitty"}, b"\x1b_Ga=T,f=100,q=2,c=8,m=0;iVBORw0KGgo"),
        ({"TERM_PROGRAM": "WezTerm"}, b"\x1b]1337;File=inline=1;size="),
        ({}, None),
        ({"TERM": "xterm-kitty", "TMUX": "1"}, None),
    ],
)
def test_at_a_pseudo_terminal(tmp_path: Path, environ: dict[str, str], begins: bytes | None) -> None:
    """The bytes that reach a terminal whose characters are 5 by 10 pixels."""
    import fcntl
    import pty
    import termios

    (tmp_path / "dot.png").write_bytes(image_bytes(size=(40, 20)))
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 400, 240))
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "dot.png")],
        stdout=follower, stderr=follower, stdin=subprocess.DEVNULL, check=True, timeout=60,
        env={**os.environ, **environ},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 65536):
            shown += piece
    except OSError:  # Linux: the other side is gone
        pass
    finally:
        os.close(leader)
    assert b"[dot.png, image/png, " in shown
    if begins is None:
        assert not re.search(rb"\x1b[_\]]", shown)
    else:
        assert shown.count(begins) == 1
