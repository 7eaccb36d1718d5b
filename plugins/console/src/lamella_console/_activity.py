"""Who is at work now: the last row of a terminal while a run goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeAlias

import attrs

from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    RunStreamEvent,
    StreamResumed,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)

__all__ = ["Activity"]

_Place: TypeAlias = tuple[tuple[str, ...], str]
"""An agent's path and a key of its own: a call's id, or that of a progress."""

_BAR: Final = 12


@attrs.frozen
class _Progress:
    key: str
    fraction: float | None = None
    details: str | None = None

    def __str__(self) -> str:
        if self.fraction is None:
            return f"{self.key}: {self.details}" if self.details else self.key
        full = round(max(0.0, min(1.0, self.fraction)) * _BAR)
        return f"{self.key} {'━' * full}{'─' * (_BAR - full)} {self.fraction:.0%}"


class Activity:
    """What of one run has begun and not ended."""

    def __init__(self) -> None:
        self._agents: dict[tuple[str, ...], str | None] = {}
        self._tools: dict[_Place, str] = {}
        self._progress: dict[_Place, _Progress] = {}
        self._pending: set[_Place] = set()

    @property
    def asks(self) -> bool:
        """Whether somebody is asked for approval, maybe in this very terminal."""
        return bool(self._pending)

    def feed(self, envelope: RunStreamEvent) -> None:
        """Take the next event as it comes, also when it is shown later."""
        path, event = envelope.path, envelope.event
        if isinstance(event, AgentStart):
            self._agents[path] = event.call_id
        elif isinstance(event, AgentEnd):
            self._forget(path)
        elif isinstance(event, ToolStart):
            self._tools[path, event.call_id] = event.name
        elif isinstance(event, ToolEnd | ToolOutputDone):
            self._tools.pop((path, event.call_id), None)
        elif isinstance(event, ApprovalPending):
            self._pending.add((path, event.call_id))
        elif isinstance(event, ApprovalResolved):
            self._pending.discard((path, event.call_id))
        elif isinstance(event, ProgressStart):
            self._progress[path, event.key] = _Progress(event.key, None, event.details)
        elif isinstance(event, ProgressUpdate):
            self._update((path, event.key), event)
        elif isinstance(event, ProgressEnd):
            self._progress.pop((path, event.key), None)
        elif isinstance(event, StreamResumed):
            self._forget(())
        elif isinstance(event, AttemptRollback) and event.code == "run.resumed":
            self._forget(path)

    def describe(self) -> str:
        """In words; "" when there is nothing but the run's own answer."""
        return " · ".join(self._words())

    def _words(self) -> Iterator[str]:
        callers = {path[:-1] for path in self._agents}
        working = [path[-1] for path in self._agents if path and path not in callers]
        if working:
            yield f"at work: {', '.join(working)}"
        answering = set(self._agents.values())
        tools = Counter(name for (_, call_id), name in self._tools.items() if call_id not in answering)
        if tools:
            yield "running: " + ", ".join(
                f"{name} ({count})" if count > 1 else name for name, count in tools.items()
            )
        yield from map(str, self._progress.values())

    def _update(self, place: _Place, event: ProgressUpdate) -> None:
        before = self._progress.get(place, _Progress(event.key))
        self._progress[place] = attrs.evolve(
            before,
            fraction=before.fraction if event.fraction is None else event.fraction,
            details=event.details or before.details,
        )

    def _forget(self, path: tuple[str, ...]) -> None:
        """An agent is over, with all below it."""
        depth = len(path)
        self._agents = {found: call for found, call in self._agents.items() if found[:depth] != path}
        self._tools = {place: name for place, name in self._tools.items() if place[0][:depth] != path}
        self._progress = {place: value for place, value in self._progress.items() if place[0][:depth] != path}
        self._pending = {place for place in self._pending if place[0][:depth] != path}
