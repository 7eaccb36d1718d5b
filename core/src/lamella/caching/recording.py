"""What is kept of an answer: its events, and when each came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella._json import dumps, loads
from lamella.errors import AgentInputError, AgentSerializationError
from lamella.events import AttemptCommit, AttemptRollback, AttemptStart, Event, ResponseDone
from lamella.models.completion import fold_response
from lamella.serial import from_dict, to_dict
from lamella.usage import TokenUsage

__all__ = [
    "ANSWERED",
    "FREE",
    "Moment",
    "Recorder",
    "Replay",
    "at_times",
    "check_replay",
    "free",
    "read",
    "written",
]

Replay: TypeAlias = Literal["events", "timed"]
"""Whether the events of what was kept come at once, or with the waits between them that they had."""

Moment: TypeAlias = tuple[float, tuple[str, ...], Event]
"""Seconds since the answer was asked for, the path of the agent, the event."""

ANSWERED: Final = frozenset({"end_turn", "tool_use", "stop_sequence"})
"""The stop reasons of whole answers: no refusal, nothing cut."""

FREE: Final = TokenUsage(input_tokens=0, output_tokens=0, total_tokens=0)
"""What a hit costs: nothing, and that is known."""

_ATTEMPTS: Final = (AttemptStart, AttemptCommit)


class Recorder:
    """Takes the events of one response; what a failed attempt had shown is forgotten."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self._begun = time.monotonic()

    def take(self, event: Event) -> None:
        """Keep an event, with its time."""
        if isinstance(event, AttemptRollback):
            self.moments.clear()
            self._begun = time.monotonic()
        elif not isinstance(event, _ATTEMPTS):
            self.moments.append((time.monotonic() - self._begun, (), event))

    def whole(self) -> list[Moment] | None:
        """The events of a whole answer; ``None`` where it was refused, cut, empty, or calls a tool with no JSON."""
        events = [event for _, _, event in self.moments]
        if sum(isinstance(event, ResponseDone) for event in events) != 1:
            return None
        answer = fold_response(events)
        if answer.stop_reason not in ANSWERED or answer.message is None:
            return None
        if any(call.arguments is None for call in answer.tool_calls):
            return None
        return self.moments


def free(event: Event) -> Event:
    """An event of a hit: it costs nothing, and ``response.done`` says that it is ``cached``."""
    if isinstance(event, ResponseDone):
        return attrs.evolve(event, token_usage=FREE, cached=True)
    return event if event.token_usage is None else attrs.evolve(event, token_usage=None)


async def at_times(moments: Sequence[Moment], replay: Replay) -> AsyncIterator[Moment]:
    """The events of a hit, each at its time where ``replay`` is ``timed``."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    for at, path, event in moments:
        if replay == "timed" and (wait := begun + at - clock()) > 0:
            await asyncio.sleep(wait)
        yield at, path, free(event)


def written(moments: Sequence[Moment], **facts: Any) -> bytes:
    """A recording as bytes.

    :raises AgentSerializationError: an event has no stored form.
    """
    events = [[round(at, 6), list(path), to_dict(event)] for at, path, event in moments]
    return dumps({"v": 1, "kept_at": time.time(), **facts, "events": events}).encode()


def read(data: bytes) -> tuple[list[Moment], dict[str, Any]]:
    """A recording, and its facts.

    :raises AgentSerializationError: it is none.
    """
    document = loads(data)
    if (
        not isinstance(document, dict)
        or document.get("v") != 1
        or not isinstance(document.get("events"), list)
    ):
        raise AgentSerializationError("what the cache kept is no recording")
    moments: list[Moment] = []
    for entry in document.pop("events"):
        if not isinstance(entry, list) or len(entry) != 3:
            raise AgentSerializationError("what the cache kept holds something that is no event")
        moments.append((float(entry[0]), tuple(entry[1]), from_dict(entry[2], Event, unknown="keep")))
    return moments, document


def check_replay(replay: object, ttl: object, who: str) -> None:
    """Refuse what cannot be meant.

    :raises AgentInputError: another replay, or a time that is not more than 0.
    """
    if replay not in ("events", "timed"):
        raise AgentInputError(f"{who}: replay must be 'events' or 'timed', got {replay!r}")
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int | float) or not ttl > 0):
        raise AgentInputError(f"{who}: ttl must be a number of seconds > 0 or None, got {ttl!r}")
