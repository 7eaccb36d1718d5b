"""The lines at the bottom of a terminal that are not final: taken away before anything is written above them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

__all__ = ["Footer"]


class Footer:
    """Draws rows under what is written, and takes them away again.

    :param send: writes to the terminal.
    :param width: its columns now.
    """

    def __init__(self, send: Callable[[str], None], width: Callable[[], int]) -> None:
        self._send = send
        self._width = width
        self._rows: tuple[str, ...] = ()
        self._status = ""
        self._drawn_at = 0

    def show(self, rows: Sequence[str], status: str = "") -> None:
        """Draw the rows, and a dim last one; what only goes on is written on.

        Each must be shorter than the terminal is wide.
        """
        new = tuple(rows)
        width = self._width()
        if (new, status) == (self._rows, self._status):
            return
        text = None if status or self._status or width != self._drawn_at else self._growth(new)
        if text is None:
            drawn = [*new, *([f"\x1b[2m{status}\x1b[0m"] if status else [])]
            text = self._erasure() + "\n".join(drawn)
        self._rows, self._status, self._drawn_at = new, status, width
        self._send(text)

    def clear(self) -> None:
        """Take the rows away; the cursor is at the start of the line on which the first one was."""
        if self._rows or self._status:
            text = self._erasure()
            self._rows, self._status = (), ""
            self._send(text)

    def _growth(self, new: tuple[str, ...]) -> str | None:
        """What is to be added to the rows to make them the new ones."""
        if not self._rows:
            return None
        last = len(self._rows) - 1
        if len(new) <= last or new[:last] != self._rows[:last] or not new[last].startswith(self._rows[last]):
            return None
        return "\n".join([new[last][len(self._rows[last]) :], *new[last + 1 :]])

    def _erasure(self) -> str:
        height = self._height()
        if not height:
            return ""
        return "\r" + (f"\x1b[{height - 1}A" if height > 1 else "") + "\x1b[J"

    def _height(self) -> int:
        """Lines they take now: a terminal that became narrower has broken them."""
        from rich.cells import cell_len

        width = max(1, self._width())
        drawn = [*self._rows, *([self._status] if self._status else [])]
        return sum(max(1, math.ceil(cell_len(row) / width)) for row in drawn)
