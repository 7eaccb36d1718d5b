"""A text that is shown as Markdown while it comes: finished blocks once, of the unfinished one its last rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lamella_console._blocks import BlockReader, MarkdownBlock
from lamella_console._markdown import rows_of
from lamella_console._output import Output
from lamella_console._tail import Tail
from lamella_console.plain import printable

__all__ = ["Prose"]

_MOST_ROWS: Final = 12
_NARROWEST: Final = 10


class Prose:
    """One text on one output, every row behind ``prefix``."""

    def __init__(self, output: Output, prefix: str) -> None:
        self.output = output
        self._prefix = prefix
        self._reader = BlockReader()
        self._tail = self._new_tail()
        self._begun = False

    def feed(self, text: str) -> bool:
        """Take a piece; whether something was finished and written."""
        text = printable(text)
        blocks = self._reader.feed(text)
        if blocks:
            self._write(blocks)
            self._tail = self._new_tail()
            text = self._reader.rest.lstrip("\n")
        if self.output.live:
            self._tail.feed(text, self._width)
        return bool(blocks)

    def finish(self) -> bool:
        """The text is over; whether something was left to write."""
        blocks = self._reader.finish()
        self._write(blocks)
        return bool(blocks)

    @property
    def rows(self) -> list[str]:
        """The last rows of what is not finished."""
        rows = self._tail.rows
        return [f"{self._prefix}{row}".rstrip() for row in (["", *rows] if self._begun and rows else rows)]

    @property
    def _width(self) -> int:
        return max(_NARROWEST, self.output.width - len(self._prefix) - 1)

    def _new_tail(self) -> Tail:
        return Tail(max(1, min(_MOST_ROWS, self.output.height // 2)))

    def _write(self, blocks: Sequence[MarkdownBlock]) -> None:
        for block in blocks:
            rows = rows_of(block, self.output.console, self._width)
            if rows:
                self.output.put_rows([[], *rows] if self._begun else rows, self._prefix)
                self._begun = True
