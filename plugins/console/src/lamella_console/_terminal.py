"""The rich console behind an output: how wide it is, which colours it has, whether it can be drawn on again."""

from __future__ import annotations

import os
from typing import Final, TextIO

from rich.color import ColorSystem
from rich.console import Console, ConsoleDimensions

from lamella_console.settings import Color

__all__ = ["can_redraw", "color_system", "terminal"]

_SYSTEMS: Final = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.STANDARD,
}
_COLUMNS: Final = 80
_LINES: Final = 24


class _Terminal(Console):
    @property
    def size(self) -> ConsoleDimensions:
        """As rich says, but of this file's terminal, not of whichever standard stream is one; asked each time."""
        if self._width is not None:
            return ConsoleDimensions(self._width, self._height or _LINES)
        try:
            found = os.get_terminal_size(self.file.fileno())
        except (AttributeError, OSError, ValueError):  # no terminal, or no file of the system
            return super().size
        return ConsoleDimensions(found.columns or _COLUMNS, found.lines or _LINES)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


def terminal(file: TextIO, color: Color, width: int | None = None) -> Console:
    """A console on ``file``. ``NO_COLOR`` leaves out every control code, not only colours.

    :param width: columns; ``None`` for those of the terminal, ``COLUMNS`` if set, and 80 where there is neither.
    """
    if color == "always":
        return _Terminal(
            file=file, width=width, force_terminal=True, color_system="standard", force_jupyter=False, no_color=False
        )  # fmt: skip
    plain = color == "never" or bool(os.environ.get("NO_COLOR"))
    return _Terminal(file=file, width=width, color_system=None if plain else "auto", force_jupyter=False)


def color_system(console: Console) -> ColorSystem | None:
    """Which colours may be written; ``None`` for no control code at all."""
    if console.legacy_windows or console.color_system is None:
        return None
    return _SYSTEMS[console.color_system]


def can_redraw(console: Console) -> bool:
    """Whether lines can be taken back: a terminal, and nobody asked for text without control codes."""
    return console.file.isatty() and color_system(console) is not None and not console.is_dumb_terminal
