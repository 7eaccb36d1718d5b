"""Media on the command line: what goes with a prompt, and what a model made."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from lamella.content import MediaContent, OpaqueContent
from lamella.errors import AgentExecutionError
from lamella.events import AttemptRollback, Event, MediaOutputDone, ResponseDone, RunStreamEvent
from lamella.fold import fold
from lamella.serial import restore
from lamella_cli.media_options import Given, MediaCommand, media_options
from lamella_cli.saving import MadeMedia, save_media


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + chunk(b"IEND", b"")
)
WAV = b"RIFF,\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\x08\0\0\0" + bytes(8)
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@pytest.fixture(autouse=True)
def no_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


@pytest.fixture
def files(folder: Path) -> Path:
    """An image, a sound and a document in the project's folder."""
    for plugin in ("lamella_image", "lamella_audio", "lamella_document"):
        pytest.importorskip(plugin)
    for name, data in (("a.png", PNG), ("b.wav", WAV), ("c.pdf", PDF)):
        (folder / name).write_bytes(data)
    return folder


def stored(folder: Path) -> Any:
    (path,) = (folder / ".lamella" / "runs").glob("*.jsonl")
    return fold(restore(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()))


def sent(folder: Path) -> list[MediaContent]:
    """The media of the stored prompt."""
    return [block for block in stored(folder).input[0].content if block.type != "text"]


# -- what goes with the prompt --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ((), []),
        (("--image", "1", "--audio", "2", "--image=3"), ["image 1", "audio 2", "image 3"]),
        (("--document=1", "p", "--image", "2", "--document", "3"), ["document 1", "image 2", "document 3"]),
        (("--audio", "-", "--image", "--audio"), ["audio -", "image --audio"]),
        (("--image", "1", "--", "--image"), ["image 1"]),
    ],
)
def test_the_options_keep_the_order_of_the_command_line(words: tuple[str, ...], order: list[str]) -> None:
    @click.command(cls=MediaCommand)
    @click.argument("prompt", nargs=-1)
    @media_options
    def command(prompt: tuple[str, ...], media: tuple[Given, ...]) -> list[str]:
        return [f"{given.kind} {given.value}" for given in media]

    assert command.main(list(words), standalone_mode=False) == order


def test_f_med05_media_of_all_kinds_go_with_the_prompt_in_their_order(process: Any, files: Path) -> None:
    """F-MED05, F-MED07: any number of media; URLs unchanged, files by path or ``file://``."""
    ended = process(
        "run", "-m", "sim:echo", "--document", "c.pdf", "--image", "a.png",
        "--audio", (files / "b.wav").as_uri(), "--image=HTTPS://example.com/x%2e%67if?y=1.png",
        "--document", "https://example.com/paper", "what are these?",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    media = sent(files)
    assert [(block.type, block.mime_type) for block in media] == [
        ("document", "application/pdf"), ("image", "image/png"), ("audio", "audio/wav"),
        ("image", "image/gif"), ("document", "application/pdf"),
    ]  # fmt: skip
    assert [block.data for block in media] == [PDF, PNG, WAV, None, None]
    assert media[3].url == "HTTPS://example.com/x%2e%67if?y=1.png"
    assert media[1].name == "a.png"


def test_sent_media_are_a_line_each_live_and_stored(process: Any, files: Path) -> None:
    ended = process("run", "-m", "sim:echo", "--image", "a.png", "--image", "https://example.com/b.gif", "hi")
    lines = [f"[a.png, image/png, {len(PNG)} bytes, 1×1]", "[https://example.com/b.gif, image/gif]"]  # noqa: RUF001
    assert ended.err.index(f"{lines[0]}\n") < ended.err.index(f"{lines[1]}\n")
    assert "[a.png" not in ended.out
    shown = process("runs", "show")
    assert [line.split(maxsplit=1)[1] for line in shown.out.splitlines() if ", image/" in line] == lines


def test_a_url_without_an_extension_has_the_default_type_of_its_class(lamella: Any, files: Path) -> None:
    from lamella_image import ImageContent

    url = "https://example.com/photo"
    ended = lamella("run", "-m", "sim:echo", "--image", url, "hi")
    assert ended.code == 0, ended.err
    assert sent(files)[0].mime_type == ImageContent.from_url(url).mime_type


def test_f_med07_a_url_is_not_opened(process: Any, files: Path) -> None:
    """F-MED07: the provider opens URLs; nothing here does."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
        assert process("run", "-m", "sim:echo", "--image", url, "hi").code == 0
        with pytest.raises(TimeoutError):
            server.accept()


def test_standard_input_may_be_a_medium(process: Any, files: Path) -> None:
    ended = process("run", "-m", "sim:echo", "--image", "a.png", "--image", "-", "what is this?", input=PNG)
    assert ended.code == 0, ended.err
    result = stored(files)
    assert result.input[0].text == "what is this?"
    assert [block.data for block in sent(files)] == [PNG, PNG]


@pytest.mark.parametrize(
    ("words", "piped", "said"),
    [
        (("--image", "-", "-"), PNG, "standard input can be read once"),
        (("--image", "-"), PNG, "no prompt"),
        (("--image", "-", "--audio", "-", "hi"), PNG, "standard input can be read once"),
        (("--image", "-", "hi"), b"", "standard input is empty"),
        (("--image", "-", "hi"), WAV, "--image -: it is audio/x-wav; use --audio"),
        (("--document", "a.png", "hi"), b"", "--document a.png: it is image/png; use --image"),
        (("--audio", "c.pdf", "hi"), b"", "--audio c.pdf: it is application/pdf; use --document"),
        (("--image", "none.png", "hi"), b"", "cannot find file: none.png"),
        (("--image", ".", "hi"), b"", "cannot read file"),
        (("--audio", "file:///no/such.wav", "hi"), b"", "cannot find file"),
        (("--image", "http://[x", "hi"), b"", "from_url takes an http(s) URL"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_wrong_usage(
    process: Any, files: Path, words: tuple[str, ...], piped: bytes, said: str
) -> None:
    ended = process("run", "-m", "sim:echo", *words, input=piped)
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.strip().splitlines()) == 1 or "Usage:" in ended.err
    assert not (files / ".lamella").exists()


def test_a_terminal_is_no_medium(lamella: Any, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    ended = lamella("run", "-m", "sim:echo", "--document", "-", "hi")
    assert ended.code == 2
    assert "pipe the document in" in ended.err


@pytest.mark.parametrize("kind", ["image", "audio", "document"])
def test_a_missing_content_plugin_names_the_command(
    lamella: Any, folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lamella.plugins import PluginHost
    from lamella.plugins.refusals import not_installed

    def content(self: PluginHost, name: str) -> Any:
        raise not_installed("content", name, [])

    monkeypatch.setattr(PluginHost, "content", content)
    ended = lamella("run", "-m", "sim:demo", f"--{kind}", "x", "what is this?")
    assert ended.code == 3
    assert f"--{kind} needs" in ended.err
    assert f"pip install lamella-{kind}" in ended.err


def test_the_help_names_the_options(process: Any, folder: Path) -> None:
    shown = process("run", "--help").out
    for option in ("--image FILE_OR_URL", "--audio FILE_OR_URL", "--document FILE_OR_URL", "--downscale"):
        assert option in shown
    assert "--save-media DIR" in shown
    assert "--show-images / --no-show-images" in shown


def test_a_path_in_the_prompt_is_text(process: Any, files: Path) -> None:
    """F-N28: no words of a prompt read a file."""
    assert process("run", "-m", "sim:echo", (files / "a.png").as_uri(), "a.png").code == 0
    assert sent(files) == []


def test_files_are_completed(process: Any, folder: Path) -> None:
    asked = {
        "_LAMELLA_COMPLETE": "bash_complete",
        "COMP_WORDS": "lamella run --image=x --audio b",
        "COMP_CWORD": "4",
    }
    assert process(env=asked).out == "file,b\n"


# -- a model that makes media ---------------------------------------------------------------------

PAINTER = """
import base64, json, os
import lamella
from lamella import Model, ProviderSpec
from lamella.content import MediaContent, OpaqueContent
from lamella.errors import ServerError
from lamella.events import MediaOutputDone, MessageOutputDelta, ResponseDone

lamella_api = "1.0"

class Painter(Model):
    provider = "painter"
    dialect = os.environ.get("PAINTER_DIALECT")

    def __init__(self, model):
        self.model = model

    async def stream(self, request):
        yield MessageOutputDelta(delta="Here you are")
        for made in json.loads(os.environ["PAINTER_MAKES"]):
            if made == "opaque":
                yield MediaOutputDone(media=OpaqueContent(type="acme.model3d"))
            elif made == "fail":
                raise ServerError("the painter fell")
            else:
                if "data" in made:
                    made["data"] = base64.b64decode(made["data"])
                yield MediaOutputDone(media=MediaContent(**made))
        yield ResponseDone()

@lamella.hookimpl
def lamella_provider():
    return ProviderSpec(id="painter", factory=Painter)
"""


def made(data: bytes, mime_type: str, **fields: str) -> dict[str, str]:
    import base64

    return {"data": base64.b64encode(data).decode(), "mime_type": mime_type, **fields}


@pytest.fixture
def paint(process: Any, site: Any, folder: Path) -> Callable[..., Any]:
    """Runs a model, in a process, that makes these media."""
    site("lamella-painter", "[lamella.providers]\npainter = painter_plugin\n", painter_plugin=PAINTER)

    def run(*media: Any, words: tuple[str, ...] = (), env: dict[str, str] | None = None) -> Any:
        environ = {"PAINTER_MAKES": json.dumps(media), **(env or {})}
        return process("run", "-m", "painter:one", *words, "draw", env=environ)

    return run


def test_media_that_a_model_made_is_saved_where_the_user_is(paint: Any, folder: Path) -> None:
    ended = paint(made(PNG, "image/png"), made(WAV, "audio/wav"))
    assert (ended.code, ended.out) == (0, "Here you are\n")
    run_id = stored(folder).run_id
    assert (folder / f"{run_id}-1.png").read_bytes() == PNG
    assert (folder / f"{run_id}-2.wav").read_bytes() == WAV
    assert f"saved {run_id}-1.png [image/png, {len(PNG)} bytes]\n" in ended.err
    assert f"saved {run_id}-2.wav [audio/wav, {len(WAV)} bytes]\n" in ended.err
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lamella", f"{run_id}-1.png", f"{run_id}-2.wav", "lamella.toml",
    ]  # fmt: skip
    if os.name != "nt":
        umask = os.umask(0)
        os.umask(umask)
        assert stat.S_IMODE((folder / f"{run_id}-1.png").stat().st_mode) == 0o666 & ~umask


def test_the_folder_can_be_chosen_or_nothing_saved(paint: Any, folder: Path) -> None:
    ended = paint(made(PNG, "image/png"), words=("--save-media", "out/new"))
    assert ended.code == 0, ended.err
    (path,) = (folder / "out" / "new").iterdir()
    assert f"saved {Path('out', 'new', path.name)} [" in ended.err
    paint(made(PNG, "image/png"), words=("--no-save-media",))
    assert not list(folder.glob("*.png"))
    both = paint(words=("--no-save-media", "--save-media", "x"))
    assert (both.code, "give one of them" in both.err) == (2, True)
    assert paint(words=("--save-media", "lamella.toml")).code == 2


def test_json_holds_the_bytes_and_saves_only_when_told(paint: Any, folder: Path) -> None:
    ended = paint(made(PNG, "image/png"), words=("--json",))
    result = fold(restore(json.loads(line) for line in ended.out.splitlines()))
    assert [block.data for block in result.messages[0].content if isinstance(block, MediaContent)] == [PNG]
    assert not list(folder.glob("*.png"))
    ended = paint(made(PNG, "image/png"), words=("--json", "--save-media", "."))
    assert len(list(folder.glob("*.png"))) == 1
    assert "saved " in ended.err
    assert all(json.loads(line) for line in ended.out.splitlines())


def test_what_is_not_here_is_named_and_not_fetched(paint: Any, folder: Path) -> None:
    by_url = {"url": "https://example.com/a.png", "mime_type": "image/png"}
    by_id = {"file_id": "file-1", "mime_type": "image/png"}
    ended = paint(by_url, by_id, "opaque")
    assert ended.code == 0
    assert "not saved: [https://example.com/a.png, image/png], its bytes are not here" in ended.err
    assert "not saved: [file-1, image/png], its bytes are not here" in ended.err
    assert "not saved: [acme.model3d], no installed plugin knows this content" in ended.err
    assert {path.name for path in folder.iterdir()} == {".lamella", "lamella.toml"}


def test_a_models_name_and_type_choose_no_path(paint: Any, folder: Path) -> None:
    hostile = [
        made(PNG, "image/png", name="../../etc/passwd"),
        made(b"#!/bin/sh", "application/x-sh", name="run.sh"),
        made(b"x", "image/x-nothing"),
    ]
    ended = paint(*hostile, words=("--save-media", "out"))
    assert ended.code == 0, ended.err
    run_id = stored(folder).run_id
    assert {path.name for path in (folder / "out").iterdir()} == {
        f"{run_id}-1.png", f"{run_id}-2.bin", f"{run_id}-3.bin",
    }  # fmt: skip
    assert "passwd" not in "".join(line for line in ended.err.splitlines() if line.startswith("saved"))


def test_a_failed_write_loses_no_answer(paint: Any, folder: Path, process: Any) -> None:
    (folder / "out").write_text("a file")
    ended = paint(made(PNG, "image/png"), made(PNG, "image/png"), words=("--save-media", "out/deeper"))
    assert ended.code == 1
    assert ended.out == "Here you are\n"
    run_id = stored(folder).run_id
    assert ended.err.count("error: cannot save [image/png") == 1
    assert f"lamella runs show {run_id} --save-media DIR" in ended.err
    assert "[agent.execution.failed]" in ended.err
    assert "stored as" in ended.err
    assert "Traceback" not in ended.err
    again = process("runs", "show", run_id, "--save-media", "kept")
    assert again.code == 0, again.err
    assert [path.read_bytes() for path in sorted((folder / "kept").iterdir())] == [PNG, PNG]
    assert process("runs", "show", run_id, "--save-media", "out/x").code == 1


def test_media_of_a_run_that_failed_is_saved(paint: Any, folder: Path) -> None:
    ended = paint(made(PNG, "image/png"), "fail")
    assert ended.code == 1
    assert "the painter fell" in ended.err
    (path,) = folder.glob("*-1.png")
    assert path.read_bytes() == PNG


# -- saving, piece by piece -----------------------------------------------------------------------


def collected(*events: Event | tuple[tuple[str, ...], Event], run_id: str = "r1") -> MadeMedia:
    media = MadeMedia()
    for seq, item in enumerate(events):
        path, event = item if isinstance(item, tuple) else ((), item)
        media.feed(RunStreamEvent(event=event, path=path, run_id=run_id, seq=seq))
    return media


def image(data: bytes, mime_type: str = "image/png") -> MediaOutputDone:
    return MediaOutputDone(media=MediaContent(data=data, mime_type=mime_type))


def test_no_file_is_ever_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r1-1.png").write_bytes(b"mine")
    (tmp_path / "r1-1-2.png").symlink_to(tmp_path / "nowhere")
    for _ in range(2):
        assert save_media(collected(image(b"new")), tmp_path, "") is None
    assert (tmp_path / "r1-1.png").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / "r1-1-3.png").read_bytes() == (tmp_path / "r1-1-4.png").read_bytes() == b"new"
    assert f"saved {tmp_path / 'r1-1-4.png'} [image/png, 3 bytes]" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([OSError(28, "No space left on device"), None])

    def fsync(number: int) -> None:
        if (failure := next(calls)) is not None:
            raise failure

    monkeypatch.setattr(os, "fsync", fsync)
    failure = save_media(collected(image(b"one"), image(b"two")), tmp_path, "make room")
    assert isinstance(failure, AgentExecutionError)
    assert "No space left on device; make room" in failure.message
    assert [path.name for path in tmp_path.iterdir()] == ["r1-2.png"]


def test_an_attempt_that_was_taken_back_made_nothing() -> None:
    media = collected(
        (("painter",), image(b"nested")), image(b"taken back"), AttemptRollback(),
        image(b"kept"), ResponseDone(), (("painter",), ResponseDone()), image(b"cut off"),
        MediaOutputDone(media=OpaqueContent(type="acme.x")),
    )  # fmt: skip
    assert [each.data if isinstance(each, MediaContent) else each.type for each in media.all()] == [
        b"kept",
        b"nested",
        b"cut off",
        "acme.x",
    ]


def test_a_stored_run_id_chooses_no_path(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert save_media(collected(image(b"x"), run_id="../../x\x1b[31m/y"), folder, "") is None
    (path,) = folder.iterdir()
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.png", path.name)


@pytest.mark.parametrize(
    ("mime_type", "extension"),
    [
        ("image/png", ".png"), ("image/jpeg", ".jpg"), ("IMAGE/PNG", ".png"), ("image/webp", ".webp"),
        ("audio/mpeg", ".mp3"), ("audio/wav", ".wav"), ("application/pdf", ".pdf"), ("audio/mp4", ".m4a"),
        ("application/x-msdownload", ".bin"), ("text/html", ".bin"), ("application/octet-stream", ".bin"),
    ],
)  # fmt: skip
def test_the_type_gives_the_extension(tmp_path: Path, mime_type: str, extension: str) -> None:
    assert save_media(collected(image(b"x", mime_type)), tmp_path, "") is None
    assert [path.suffix for path in tmp_path.iterdir()] == [extension]


# -- downscaling ----------------------------------------------------------------------------------


def large(folder: Path) -> None:
    pytest.importorskip("PIL.Image").new("RGB", (9000, 90)).save(folder / "wide.png")


def test_downscale_brings_images_to_the_limits_of_the_wire(paint: Any, files: Path) -> None:
    large(files)
    words = ("--image", "wide.png", "--image", "a.png", "--document", "c.pdf")
    ended = paint(words=(*words, "--downscale"), env={"PAINTER_DIALECT": "anthropic.messages"})
    assert ended.code == 0, ended.err
    (said,) = (line for line in ended.err.splitlines() if line.startswith("downscaled for"))
    sizes = r"downscaled for anthropic\.messages: \[wide\.png, .*, 9000×90\] to \[wide\.png, .*, \d+×\d+\]"  # noqa: RUF001
    assert re.fullmatch(sizes, said)
    wide, small, document = sent(files)
    assert wide.meta["downscaled"]
    assert (small.data, document.data) == (PNG, PDF)


def test_images_are_sent_as_they_are_unless_told(paint: Any, files: Path) -> None:
    large(files)
    ended = paint(words=("--image", "wide.png"), env={"PAINTER_DIALECT": "anthropic.messages"})
    assert ended.code == 0, ended.err
    assert "downscaled" not in ended.err
    assert sent(files)[0].data == (files / "wide.png").read_bytes()


def test_downscale_says_when_no_limits_are_known(process: Any, files: Path) -> None:
    ended = process("run", "-m", "sim:echo", "--image", "a.png", "--downscale", "hi")
    assert ended.code == 0
    assert "the limits of this model are not known" in ended.err


def test_downscale_without_a_plugin_that_can_names_the_command(
    lamella: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lamella_image import ImageContent
    from lamella_sim.model import ChatSim

    monkeypatch.delattr(ImageContent, "downscaled")
    monkeypatch.setattr(ChatSim, "dialect", "openai.chat", raising=False)
    ended = lamella("run", "-m", "sim:echo", "--image", "a.png", "--downscale", "hi")
    assert ended.code == 3
    assert "pip install -U lamella-image" in ended.err


# -- at a terminal --------------------------------------------------------------------------------


def at_terminal(*arguments: str, **environ: str) -> str:
    """What a command shows at a pseudo-terminal of kitty."""
    import pty

    leader, follower = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key not in ("TMUX", "STY", "TERM_PROGRAM")}
    with subprocess.Popen(
        [sys.executable, "-m", "lamella_cli", *arguments],
        stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
        env={**kept, "TERM": "xterm-kitty", **environ},
    ) as command:  # fmt: skip
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 65536):
                shown += piece
        except OSError:  # Linux: the other side is gone
            pass
        os.close(leader)
    assert command.returncode == 0, shown
    return shown.decode()


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals of POSIX")
def test_images_are_drawn_in_a_terminal_that_can(paint: Any, files: Path) -> None:
    """A sent image, a made one, and both again from the store."""
    pytest.importorskip("PIL")
    drawing = "\x1b_Ga=T,f=100,q=2,c=1,m=0;iVBORw0KGgo"
    run = ("run", "-m", "painter:one", "--image", "a.png", "draw")
    makes = {"PAINTER_MAKES": json.dumps([made(PNG, "image/png")])}
    shown = at_terminal(*run, **makes)
    assert shown.count(drawing) == 2
    assert shown.index("[a.png, image/png") < shown.index(drawing)
    assert "saved " in shown
    assert at_terminal("runs", "show").count(drawing) == 2
    assert drawing not in at_terminal(*run, "--no-show-images", **makes)
    assert at_terminal(*run, "--show-images", TERM="xterm", **makes).count(drawing) == 2
    (files / "lamella.toml").write_text('[sink.console]\nimages = "never"\n')
    assert drawing not in at_terminal("runs", "show")


def test_a_file_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    notes = tmp_path / "notes.xyz"
    notes.write_text("no picture")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "lamella_cli",
            "run",
            "-m",
            "sim:demo",
            "--no-store",
            "--image",
            str(notes),
            "?",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "neither its bytes nor its name show what it is" in done.stderr
