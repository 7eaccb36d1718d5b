"""The settings of the ``console`` sink, as they stand in a project's configuration."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = ["Color", "ConsoleSettings", "Images", "Markdown", "Notes", "Stream", "View"]

Color: TypeAlias = Literal["auto", "always", "never"]
Images: TypeAlias = Literal["auto", "always", "never"]
Markdown: TypeAlias = Literal["auto"] | bool
View: TypeAlias = Literal["auto", "tree", "flat"]
Stream: TypeAlias = Literal["stdout", "stderr"]
Notes: TypeAlias = Literal["same", "stdout", "stderr"]


@attrs.frozen(kw_only=True)
class ConsoleSettings:
    """How runs are shown; the fields are the arguments of ``ConsoleSink``."""

    color: Color = "auto"
    """``auto``: colours in a terminal (anywhere with ``FORCE_COLOR``), unless the environment says ``NO_COLOR`` or
    ``TERM=dumb``. Without colours there is no control code at all."""

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

    view: View = "auto"
    """How agents that other agents call are shown. ``flat``: indented. ``tree``: with guide lines, and a tree of who
    did what under the run. ``auto``: as a tree in a terminal, flat elsewhere."""

    markdown: Markdown = "auto"
    """Whether answers are shown as Markdown, each block when it is finished. ``auto``: in a terminal; what is
    piped is the text as it is."""

    width: int | None = None
    """Columns; unless given those of the terminal, or of ``COLUMNS``, or 80."""
