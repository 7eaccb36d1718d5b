"""One agent at a time: while one is in the middle of a block, what the others say waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from lamella.events import RunStreamEvent
from lamella_console._page import Speaker

__all__ = ["TurnQueue"]


class TurnQueue:
    """Orders the events of agents that talk at once. Each event is handled once, an agent's own order is kept."""

    def __init__(self) -> None:
        self._waiting: dict[Speaker, deque[RunStreamEvent]] = {}
        self._holder: Speaker | None = None

    def offer(self, speaker: Speaker, envelope: RunStreamEvent) -> bool:
        """Whether the event may be shown now; if not, it waits."""
        if self._holder in (None, speaker) and speaker not in self._waiting:
            return True
        self._waiting.setdefault(speaker, deque()).append(envelope)
        return False

    def hold(self, speaker: Speaker, *, busy: bool) -> None:
        """After an event of ``speaker``: whether it is in the middle of a block."""
        self._holder = speaker if busy else None

    def release(self) -> Iterator[tuple[Speaker, RunStreamEvent]]:
        """The waiting events that may be shown, agent by agent, until one is in the middle of a block.

        :meth:`hold` is to be called after each.
        """
        while self._waiting and self._holder is None:
            speaker, events = next(iter(self._waiting.items()))
            while events and self._holder in (None, speaker):
                yield speaker, events.popleft()
            del self._waiting[speaker]
