"""The settings of the ``console`` sink, as they stand in a project's configuration."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = ["Color", "ConsoleSettings", "Images", "Notes", "Stream"]

Color: TypeAlias = Literal["auto", "always", "never"]
Images: TypeAlias = Literal["auto", "always", "never"]
Stream: TypeAlias = Literal["stdout", "stderr"]
Notes: TypeAlias = Literal["same", "stdout", "stderr"]


@attrs.frozen(kw_only=True)
class ConsoleSettings:
    """How runs are shown; the fields are the arguments of ``ConsoleSink``."""

    color: Color = "auto"
    """``auto``: colours in a terminal, unless the environment says ``NO_COLOR``."""

    stream: Stream = "stdout"
    """Where the answer goes. Errors always go to standard error."""

    notes: Notes = "same"
    """Where the rest goes: tool calls, reasoning, nested agents, progress, the last line."""

    tool_result_width: int = 200
    """Tool results are cut to this many characters; 0 shows them whole."""

    reasoning: bool = True
    """Whether reasoning is shown."""

    images: Images = "auto"
    """Whether images are drawn. ``auto``: in a terminal that says that it can; ``always``: in any terminal.
    Needs Pillow (``lamella-console[images]``); elsewhere an image is a line that says what it is."""
