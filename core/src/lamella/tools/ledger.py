"""``Ledger``: what stands behind the calls of a turn: a journal that has them before they run, a log that had them already."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import attrs

from lamella.content import ToolCallBlock
from lamella.errors import LamellaError
from lamella.events import ApprovalResolved, Event, ToolOutputDone, ToolStart
from lamella.tools.tool import Tool

__all__ = ["Entry", "Ledger"]


@attrs.define(eq=False)
class Entry:
    """What a log has of one call. ``events`` are shown again first, with their paths."""

    events: Sequence[tuple[tuple[str, ...], Event]] = ()
    output: ToolOutputDone | None = None
    """Its output: the call is not run."""

    error: LamellaError | None = None
    """What the run fails with in the place of an output, once the outputs before it are shown."""

    decision: ApprovalResolved | None = None
    """Nobody is asked again."""

    started: bool = False
    """Its ``tool.start`` stands: it goes on, and does not begin."""

    children: deque[tuple[str, ...]] = attrs.field(factory=deque)
    """The paths of the agents that it ran."""


class Ledger(Protocol):
    """Asked about every call of a run that is journaled, or done again from its log."""

    def entry(self, call: ToolCallBlock, tool: Tool | None) -> Entry:
        """What the log has of a call."""

    async def announce(self, start: ToolStart, put: Callable[[], Awaitable[None]]) -> None:
        """Put ``tool.start`` into the run, and return when the tool may run."""
