"""The last rows of a text that grows: what a terminal shows of a block that is not finished."""

from __future__ import annotations

from collections import deque

__all__ = ["Tail"]

_TAB = "    "


class Tail:
    """The end of a text in rows of at most ``width`` cells; a piece costs its own length.

    :param rows: how many are kept.
    """

    def __init__(self, rows: int) -> None:
        self._rows: deque[str] = deque([""], maxlen=rows)
        self._width = 0

    def feed(self, text: str, width: int) -> None:
        """The text goes on."""
        if width != self._width:
            kept, self._width = [*self._rows], width
            self._rows = deque([""], maxlen=self._rows.maxlen)
            self._lines("\n".join(kept))
        self._lines(text)

    @property
    def rows(self) -> list[str]:
        """The rows, without empty ones at the end."""
        rows = list(self._rows)
        while rows and not rows[-1].strip():
            rows.pop()
        return rows

    def _lines(self, text: str) -> None:
        from rich.cells import chop_cells

        first, *others = text.replace("\t", _TAB).split("\n")
        for line in (self._rows.pop() + first, *others):
            self._rows.extend(chop_cells(line, self._width) or [""])
