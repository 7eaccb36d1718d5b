"""One agent at a time: while one is in the middle of a block, what the others say waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from lamella.events import (
    AgentStart,
    AttemptStart,
    MessageOutputDelta,
    MessageOutputDone,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    ToolCallDelta,
    ToolCallDone,
    ToolOutputDone,
)
from lamella_console._page import Speaker

__all__ = ["TurnQueue"]

_SAID: Final = (
    MessageOutputDelta,
    MessageOutputDone,
    ReasoningDelta,
    ReasoningDone,
    ToolCallDelta,
    ToolCallDone,
)
_BEFORE: Final = (AgentStart, AttemptStart, ResponseDone, ToolOutputDone)


class TurnQueue:
    """Orders the events of agents that talk at once. Each event is handled once, an agent's own order is kept."""

    def __init__(self) -> None:
        self._waiting: dict[Speaker, deque[RunStreamEvent]] = {}
        self._holder: Speaker | None = None

    @property
    def holder(self) -> Speaker | None:
        """Who is in the middle of a block."""
        return self._holder

    def take_back(self, speaker: Speaker) -> None:
        """Its last response does not count: leave out what still waits of it."""
        waiting = self._waiting.get(speaker)
        kept: list[RunStreamEvent] = []
        while waiting and not isinstance(waiting[-1].event, _BEFORE):
            envelope = waiting.pop()
            if not isinstance(envelope.event, _SAID):
                kept.append(envelope)
        if waiting is not None:
            waiting.extend(reversed(kept))

    def offer(self, speaker: Speaker, envelope: RunStreamEvent) -> bool:
        """Whether the event may be shown now; if not, it waits."""
        if self._holder in (None, speaker) and speaker not in self._waiting:
            return True
        self._waiting.setdefault(speaker, deque()).append(envelope)
        return False

    def hold(self, speaker: Speaker, *, busy: bool) -> None:
        """After an event of ``speaker``: whether it is in the middle of a block."""
        self._holder = speaker if busy else None

    def drain(self, run_id: str) -> Iterator[tuple[Speaker, RunStreamEvent]]:
        """What waits of a run that is over, whoever is in the middle of a block."""
        for speaker in [speaker for speaker in self._waiting if speaker[0] == run_id]:
            for envelope in self._waiting.pop(speaker):
                yield speaker, envelope

    def release(self) -> Iterator[tuple[Speaker, RunStreamEvent]]:
        """The waiting events that may be shown, agent by agent, until one is in the middle of a block.

        :meth:`hold` is to be called after each.
        """
        while self._waiting and self._holder is None:
            speaker, events = next(iter(self._waiting.items()))
            while events and self._holder in (None, speaker):
                yield speaker, events.popleft()
            del self._waiting[speaker]
