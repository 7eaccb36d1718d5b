"""What a run has done so far, as far as later records need it: when things began, and who they belong to."""

from __future__ import annotations

from decimal import Decimal

import attrs

from lamella.events import (
    AgentStart,
    AttemptStart,
    Event,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamResumed,
    StreamStart,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)

__all__ = ["Place", "Progress"]


@attrs.define
class Place:
    """An agent of the run: its name, its model, when it and its response began."""

    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    began: float | None = None
    asked: float | None = None


@attrs.define
class Progress:
    """One run. Times are those of the envelopes: monotonic seconds."""

    places: dict[tuple[str, ...], Place] = attrs.Factory(dict)
    calls: dict[tuple[tuple[str, ...], str], float] = attrs.Factory(dict)
    ended: dict[tuple[tuple[str, ...], str], float] = attrs.Factory(dict)
    spent: Decimal | None = Decimal(0)

    def place(self, path: tuple[str, ...]) -> Place:
        """The agent at this path."""
        return self.places.setdefault(path, Place())

    def take(self, envelope: RunStreamEvent) -> float | None:
        """Note what an event begins or ends; how long it took, ``None`` where it ends nothing."""
        event, path, at = envelope.event, envelope.path, envelope.at
        place = self.place(path)
        if isinstance(event, StreamStart | AgentStart):
            place.agent, place.provider, place.model = event.agent, event.provider, event.model
            place.began = place.asked = at
        elif isinstance(event, AttemptStart):
            place.provider, place.model = event.provider or place.provider, event.model or place.model
            place.asked = at
        elif isinstance(event, ToolStart):
            self.calls[path, event.call_id] = at
        elif isinstance(event, ToolEnd):
            self.ended[path, event.call_id] = at
        duration = self._duration(event, path, at)
        if isinstance(event, ToolOutputDone | ResponseDone | OutputRejected | StreamResumed):
            place.asked = at  # what follows is the next response
        return duration

    def _duration(self, event: Event, path: tuple[str, ...], at: float) -> float | None:
        began: float | None = None
        if isinstance(event, ToolOutputDone):
            began, at = self.calls.pop((path, event.call_id), None), self.ended.pop((path, event.call_id), at)
        elif isinstance(event, ResponseDone) or event.type == "attempt.rollback":
            began = self.place(path).asked
        elif event.type in ("stream.end", "stream.error", "agent.end"):
            began = self.place(path).began
        return None if began is None else max(0.0, at - began)
