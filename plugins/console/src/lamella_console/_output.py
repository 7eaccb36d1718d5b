"""One stream of text: where its line stands, how text is styled, what may reach a terminal."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from lamella_console._footer import Footer
from lamella_console._thumbnail import Thumbnail
from lamella_console.pictures import Pictures
from lamella_console.plain import printable
from lamella_console.settings import Color, Images, Markdown

if TYPE_CHECKING:
    from lamella_console._markdown import Row

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
    "agent": "bold",
    "guide": "dim",
}
_SIMPLER: Final = {
    "…": "...", "·": "-", "•": "*", "▌": ">", "│": "|", "├": "+", "└": "`", "─": "-", "━": "=",
    "\u00d7": "x", "\u2018": "'", "\u2019": "'", "“": '"', "”": '"', "\u2013": "-", "\u2014": "-",
}  # fmt: skip
"""What stands for a sign that the stream cannot spell; ``?`` for the rest."""


class Output:
    """Writes text as it comes, each piece once. Only what :meth:`footer` shows is ever drawn again."""

    def __init__(
        self,
        file: TextIO,
        color: Color,
        images: Images,
        *,
        markdown: Markdown = "auto",
        width: int | None = None,
    ) -> None:
        from lamella_console import _terminal  # rich is imported when something is shown

        self.console = _terminal.terminal(file, color, width)
        self._colors = _terminal.color_system(self.console)
        self._file = file
        self._is_terminal = file.isatty()
        self._encoding = self.console.encoding
        self._simpler = {
            ord(sign): other for sign, other in _SIMPLER.items() if not _can_spell(sign, self._encoding)
        }
        self._pictures = Pictures(file, images)
        self._line_start = True
        self._blank = True
        self._gone = False
        self._footer = Footer(self._send, lambda: self.width) if _terminal.can_redraw(self.console) else None
        self.markdown = markdown is True or (markdown == "auto" and self._footer is not None)
        """Whether text is shown as Markdown."""

    @property
    def live(self) -> bool:
        """Whether :meth:`footer` shows anything: a terminal on which lines can be taken back."""
        return self._footer is not None

    @property
    def gone(self) -> bool:
        """Whether nobody reads any more."""
        return self._gone

    @property
    def width(self) -> int:
        """Columns now."""
        return self.console.size.width

    @property
    def height(self) -> int:
        """Lines now."""
        return self.console.size.height

    def put(self, text: str, kind: str, prefix: str = "", *, airy: bool = False) -> None:
        """Write a piece in the style of its kind; every line of it begins with ``prefix``.

        :param airy: nothing that comes needs an empty line before it.
        """
        if not text:
            return
        text = self.spelled(text)
        self.clear_footer()
        self._send(self._prefixed(text, kind, prefix) if prefix else self._painted(text, kind))
        self._blank = airy or text.endswith("\n\n") or (text == "\n" and self._line_start)
        self._line_start = text.endswith("\n")

    def put_rows(self, rows: Sequence[Row], prefix: str = "") -> None:
        """Write styled rows, each on a line."""
        lines = []
        for row in rows:
            guide = self._painted(prefix if row else prefix.rstrip(), "guide")
            pieces = (self._render(self.spelled(piece.text), piece.style) for piece in row)
            lines.append(f"{guide}{''.join(pieces)}\n")
        self.clear_footer()
        self._send("".join(lines))
        self._line_start, self._blank = True, False

    @property
    def shows_pictures(self) -> bool:
        """Whether :meth:`draw` draws."""
        return self._pictures.shown

    def draw(self, picture: Thumbnail, prefix: str) -> None:
        """A picture on lines of its own; nothing where none can be shown."""
        drawn = self._pictures.draw(picture, self.width - len(prefix) - 1)
        if drawn:
            self.break_line()
            self._send(f"{self._painted(prefix, 'guide')}{drawn}\n")

    def break_line(self, *, blank: bool = False, prefix: str = "") -> None:
        """Go to the start of a line; with ``blank``, leave an empty one above it unless nothing is there."""
        if not self._line_start:
            self._send("\n")
            self._line_start = True
            self._blank = False
        if blank and not self._blank:
            self.clear_footer()
            self._send(f"{self._painted(prefix.rstrip(), 'guide')}\n")
            self._blank = True

    # -- what is not final ------------------------------------------------------------------------

    def footer(self, rows: Sequence[str], status: str) -> None:
        """Show rows under what was written, until something is written; nothing in the middle of a line."""
        from rich.cells import chop_cells

        if self._footer is not None and self._line_start:
            short = chop_cells(self.spelled(status), max(2, self.width - 1))[:1] if status else [""]
            self._footer.show([self.spelled(row) for row in rows], *short)

    def clear_footer(self) -> None:
        """Take the footer away."""
        if self._footer is not None:
            self._footer.clear()

    def finish(self) -> None:
        """The start of a line, and nothing in the buffer. Where nobody reads, nothing is left to do."""
        if self._gone:
            return
        self.clear_footer()
        self.break_line()
        self._flush()

    # -- text -------------------------------------------------------------------------------------

    def spelled(self, text: str) -> str:
        """The text without control characters, in signs that the stream can spell."""
        text = printable(text)
        if text.isascii():
            return text
        return text.translate(self._simpler).encode(self._encoding, "replace").decode(self._encoding)

    def _prefixed(self, text: str, kind: str, prefix: str) -> str:
        """Every line with the prefix, empty ones with what is to be seen of it."""
        guide, bare = self._painted(prefix, "guide"), self._painted(prefix.rstrip(), "guide")
        lines = text.split("\n")
        pieces = [f"{guide if line else bare}{self._painted(line, kind)}" for line in lines]
        if not self._line_start:
            pieces[0] = self._painted(lines[0], kind)
        if not lines[-1]:
            pieces[-1] = ""
        return "\n".join(pieces)

    def _painted(self, text: str, kind: str) -> str:
        style = _STYLES[kind]
        if not style or self._colors is None or not text:
            return text
        return self._render(text, self.console.get_style(style))

    def _render(self, text: str, style: object) -> str:
        from rich.style import Style

        if self._colors is None or not isinstance(style, Style):
            return text
        return style.render(text, color_system=self._colors)

    # -- the file ---------------------------------------------------------------------------------

    def _send(self, text: str) -> None:
        """Write; outside a terminal by lines.

        :raises BrokenPipeError: nobody reads.
        """
        if not text:
            return
        self._attempt(lambda: self._file.write(text))
        if self._is_terminal or "\n" in text:
            self._flush()

    def _flush(self) -> None:
        self._attempt(self._file.flush)

    def _attempt(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            if not isinstance(error, BrokenPipeError) and error.errno != errno.EINVAL:  # Windows says EINVAL
                raise
            self._gone = True
            raise BrokenPipeError(
                errno.EPIPE, "nobody reads the output of the console sink any more"
            ) from error


def _can_spell(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
