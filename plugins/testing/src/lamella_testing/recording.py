"""``EventRecorder``: a sink that remembers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamella.events import RunStreamEvent
    from lamella.runs import RunResult

__all__ = ["EventRecorder"]


class EventRecorder:
    """A sink that keeps what it gets: ``events`` in order, and how often it was ``opened`` and ``closed``."""

    def __init__(self) -> None:
        self.events: list[RunStreamEvent] = []
        self.opened = 0
        self.closed = 0

    async def open(self) -> None:
        """Count it."""
        self.opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Keep the events."""
        self.events.extend(batch)

    async def close(self) -> None:
        """Count it."""
        self.closed += 1

    @property
    def types(self) -> list[str]:
        """The types of the events, in order."""
        return [event.type for event in self.events]

    def result(self) -> RunResult:
        """The fold of the events: what a store would rebuild.

        :raises AgentParsingError: no event, or events of more than one run.
        """
        from lamella.fold import fold

        return fold(self.events)
