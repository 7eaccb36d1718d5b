"""Pictures in terminals: which terminal can show them, and the escape sequences that do.

Two protocols, neither of which asks the terminal anything: kitty graphics
(https://sw.kovidgoyal.net/kitty/graphics-protocol/; kitty, Ghostty) and iTerm2's inline images
(https://iterm2.com/documentation-images.html; iTerm2, WezTerm). A sequence holds numbers and base64, nothing
else: no name, no type, and no byte as it came, since a picture is drawn anew (``_thumbnail``).
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final, Literal, TextIO, TypeAlias, TypeGuard

from lamella.content import Block, MediaContent
from lamella.errors import ConfigError
from lamella_console._thumbnail import Thumbnail, thumbnail
from lamella_console.settings import Images

__all__ = ["Pictures", "Protocol", "detect", "is_image", "iterm2", "kitty", "require_pillow"]

Protocol: TypeAlias = Literal["kitty", "iterm2"]

_CHUNK: Final = 4096
"""Characters of base64 in a kitty sequence: what the protocol sets as the most."""

_MOST_COLUMNS: Final = 60
_MOST_ROWS: Final = 20
_CELL: Final = (10, 20)
"""Pixels of a character, where the terminal does not say."""

_TERMS: Final[Mapping[str, Protocol]] = {
    "xterm-kitty": "kitty",
    "xterm-ghostty": "kitty",
    "wezterm": "iterm2",
}
_PROGRAMS: Final[Mapping[str, Protocol]] = {
    "kitty": "kitty",
    "ghostty": "kitty",
    "iterm.app": "iterm2",
    "wezterm": "iterm2",
}


def require_pillow(images: Images) -> None:
    """Refuse to draw always where nothing can be drawn.

    :raises ConfigError: ``"always"`` without Pillow.
    """
    if images == "always" and find_spec("PIL") is None:
        raise ConfigError(
            'images = "always" needs Pillow to draw them; install it: pip install "lamella-console[images]"'
        )


def detect(environ: Mapping[str, str]) -> Protocol | None:
    """The protocol of the terminal that the environment tells of, ``None`` when it tells of none.

    Inside tmux and screen there is none: they pass pictures on only where they are set up for it.
    """
    if environ.get("TMUX") or environ.get("STY"):
        return None
    term = environ.get("TERM", "").lower()
    return None if term.startswith(("screen", "tmux")) or term == "dumb" else _outer(environ)


def _outer(environ: Mapping[str, str]) -> Protocol | None:
    """TERM is set by the terminal itself; the rest may be left over from one that started it."""
    if (found := _TERMS.get(environ.get("TERM", "").lower())) is not None:
        return found
    program = environ.get("TERM_PROGRAM", "").lower()
    if program:
        return _PROGRAMS.get(program)
    if environ.get("KITTY_WINDOW_ID"):
        return "kitty"
    return "iterm2" if environ.get("LC_TERMINAL", "").lower() == "iterm2" else None


def kitty(png: bytes, columns: int) -> str:
    """The sequences that draw a PNG ``columns`` characters wide: sent and shown (``a=T``), never answered (``q=2``)."""
    return "".join(_kitty_pieces(base64.b64encode(png).decode("ascii"), columns))


def _kitty_pieces(text: str, columns: int) -> Iterator[str]:
    control = f"a=T,f=100,q=2,c={columns},"
    for start in range(0, len(text), _CHUNK):
        more = int(start + _CHUNK < len(text))
        yield f"\x1b_G{control}m={more};{text[start : start + _CHUNK]}\x1b\\"
        control = ""


def iterm2(png: bytes, columns: int) -> str:
    """The sequence that draws a PNG ``columns`` characters wide."""
    control = f"inline=1;size={len(png)};width={columns};height=auto;preserveAspectRatio=1"
    return f"\x1b]1337;File={control}:{base64.b64encode(png).decode('ascii')}\x07"


class Pictures:
    """Pictures on one stream; none where it is no terminal, or one that is not known to show them.

    :param images: ``"auto"``, ``"never"``, or ``"always"``: also in a terminal that does not tell what it
        can, and inside tmux and screen.
    """

    def __init__(self, file: TextIO, images: Images) -> None:
        self._file = file
        self._protocol = None if images == "never" or not file.isatty() else detect(os.environ)
        if images == "always" and self._protocol is None and file.isatty():
            self._protocol = _outer(os.environ) or "kitty"

    @property
    def shown(self) -> bool:
        """Whether there can be any."""
        return self._protocol is not None

    def draw(self, picture: Thumbnail, width: int) -> str:
        """The text that draws a picture at most ``width`` characters wide, without a line end; "" when none can be."""
        if self._protocol is None:
            return ""
        columns = self._columns(picture, width)
        return kitty(picture.png, columns) if self._protocol == "kitty" else iterm2(picture.png, columns)

    def of(self, block: Block, width: int) -> str:
        """:meth:`draw` for a block: "" for what is no image, is not here, or cannot be read."""
        picture = thumbnail(block.data) if self.shown and is_image(block) and block.data else None
        return "" if picture is None else self.draw(picture, width)

    def _columns(self, picture: Thumbnail, width: int) -> int:
        """As wide as it is, within the width and not higher than some rows."""
        cell_width, cell_height = _cell_size(self._file)
        natural = picture.width / cell_width
        rows = picture.height / cell_height
        scale = min(1.0, max(1, min(width, _MOST_COLUMNS)) / natural, _MOST_ROWS / rows)
        return max(1, int(natural * scale))


def _cell_size(file: TextIO) -> tuple[float, float]:
    """Pixels of a character: width, height."""
    try:
        import fcntl
        import termios

        size = fcntl.ioctl(file.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except (ImportError, OSError, ValueError):  # Windows; no file of the system
        return _CELL
    rows, columns, width, height = struct.unpack("HHHH", size)
    return (width / columns, height / rows) if rows and columns and width and height else _CELL


def is_image(block: Block) -> TypeGuard[MediaContent]:
    """Whether a block is an image whose bytes are here."""
    return isinstance(block, MediaContent) and block.data is not None and block.mime_type.startswith("image/")
