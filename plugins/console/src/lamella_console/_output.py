"""One stream of text: where its line stands, how text is styled, what may reach a terminal."""

from __future__ import annotations

from typing import Final, TextIO

from lamella_console._thumbnail import Thumbnail
from lamella_console.pictures import Pictures
from lamella_console.plain import printable
from lamella_console.settings import Color, Images

__all__ = ["Output"]

_STYLES: Final = {
    "answer": "",
    "nested": "",
    "reasoning": "dim",
    "call": "cyan",
    "result": "dim",
    "failure": "red",
    "note": "dim",
    "warning": "yellow",
    "error": "bold red",
}


class Output:
    """Writes text as it comes, each piece once: no markup, no wrapping, nothing is ever drawn again."""

    def __init__(self, file: TextIO, color: Color, images: Images) -> None:
        from lamella_console._terminal import terminal  # rich is imported when something is shown

        self._console = terminal(file, color)
        self._encoding = self._console.encoding
        self._pictures = Pictures(file, images)
        self._line_start = True
        self._blank = True

    def put(self, text: str, kind: str, indent: int = 0) -> None:
        """Write a piece in the style of its kind; every line of it begins at ``indent`` steps."""
        if not text:
            return
        text = self._encodable(printable(text))
        if indent:
            text = self._indented(text, "  " * indent)
        self._blank = text.endswith("\n\n") or (text == "\n" and self._line_start)
        self._line_start = text.endswith("\n")
        self._write(text, _STYLES[kind])

    @property
    def shows_pictures(self) -> bool:
        """Whether :meth:`draw` draws."""
        return self._pictures.shown

    def draw(self, picture: Thumbnail, indent: int) -> None:
        """A picture on lines of its own; nothing where none can be shown."""
        pad = "  " * indent
        drawn = self._pictures.draw(picture, self._console.width - len(pad) - 1)
        if drawn:
            self.break_line()
            self._console.file.write(f"{pad}{drawn}\n")
            self._console.file.flush()

    def break_line(self, *, blank: bool = False) -> None:
        """Go to the start of a line; with ``blank``, leave an empty one above it unless nothing is there."""
        if not self._line_start:
            self._write("\n", "")
            self._line_start = True
            self._blank = False
        if blank and not self._blank:
            self._write("\n", "")
            self._blank = True

    def _indented(self, text: str, pad: str) -> str:
        lines = text.split("\n")
        first = lines[0] if not self._line_start or not lines[0] else pad + lines[0]
        return "\n".join([first, *(pad + line if line else "" for line in lines[1:])])

    def _encodable(self, text: str) -> str:
        if text.isascii():
            return text
        return text.encode(self._encoding, "replace").decode(self._encoding)

    def _write(self, text: str, style: str) -> None:
        from rich.segment import Segment, Segments

        segment = Segment(text, self._console.get_style(style) if style else None)
        self._console.print(Segments([segment]), end="", soft_wrap=True)
        self._console.file.flush()
