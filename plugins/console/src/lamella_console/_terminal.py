"""The rich console behind an output."""

from __future__ import annotations

import os
from typing import NoReturn, TextIO

from rich.console import Console

from lamella_console.settings import Color

__all__ = ["terminal"]


class _Terminal(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich would end the process; a sink only says that nobody reads."""
        raise BrokenPipeError("nobody reads the output of the console sink any more")


def terminal(file: TextIO, color: Color) -> Console:
    """A console on ``file``. ``NO_COLOR`` leaves out every control code, not only colours."""
    if color == "always":
        return _Terminal(
            file=file, force_terminal=True, color_system="standard", force_jupyter=False, no_color=False
        )
    plain = color == "never" or bool(os.environ.get("NO_COLOR"))
    return _Terminal(file=file, color_system=None if plain else "auto", force_jupyter=False)
