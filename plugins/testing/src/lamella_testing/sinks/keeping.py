"""What a run store must give back, and how it is said when it gives something else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs

from lamella.events import RunStreamEvent
from lamella.fold import fold
from lamella.runs import RunResult
from lamella.serial import restore, to_dict
from lamella.serial.stored import stored_form
from lamella.specs import RunStore, Sink
from lamella_testing.sinks.base import SinkBase
from lamella_testing.sinks.stories import Told
from lamella_testing.verdict import fail, require

__all__ = ["KeepingBase", "difference", "wanted_from"]


class KeepingBase(SinkBase):
    """What other contracts ask of a store after they wrote something; of a sink that cannot read they ask nothing."""

    async def require_kept(self, sink: Sink, told: Told, when: str) -> None:
        """A run store gives back what it got."""
        if isinstance(sink, RunStore):
            found = await self.loaded(sink, told.run_id, f"{told.name!r} {when}")
            self.require_equal(sink, found, told, when)

    def require_equal(self, store: RunStore, found: Sequence[RunStreamEvent], told: Told, when: str) -> None:
        """Events that were read are those of the run, and make the same result."""
        wanted = wanted_from(store, told.events)
        complaint = difference([_without_chunk(envelope) for envelope in found], wanted)
        require(complaint is None, f"{told.name!r} {when}: {complaint}")
        if not wanted:
            return
        try:
            result: RunResult[Any] = fold(found)
        except Exception as error:
            fail(f"{told.name!r} {when}: what is read cannot be folded: {type(error).__name__}: {error}")
        whole = _raw(store) == "full" and (_deltas(store) or told.live.status != "interrupted")
        live = told.live if whole else fold(wanted)
        require(
            result == live,
            f"{told.name!r} {when}: fold(load(run_id)) is not the result of the run: {_fields(result, live)}",
        )


def wanted_from(store: RunStore, events: Sequence[RunStreamEvent]) -> list[RunStreamEvent]:
    """What a store must give back of these events, by its own ``deltas`` and ``raw``."""
    kept = [envelope for envelope in events if _deltas(store) or envelope.event.durable]
    return restore(stored_form(envelope, _raw(store)) for envelope in kept)


def _deltas(store: object) -> bool:
    return bool(getattr(store, "deltas", True))


def _raw(store: object) -> Any:
    return getattr(store, "raw", "full")


def _without_chunk(envelope: RunStreamEvent) -> RunStreamEvent:
    """The payloads of deltas are kept by nobody but a store in memory."""
    if envelope.event.durable:
        return envelope
    return attrs.evolve(envelope, event=attrs.evolve(envelope.event, raw_event=None))


def difference(found: Sequence[RunStreamEvent], wanted: Sequence[RunStreamEvent]) -> str | None:
    """The first thing that is not as it should be, ``None`` when all is."""
    numbers = [envelope.seq for envelope in found]
    if numbers != [envelope.seq for envelope in wanted]:
        return (
            f"load() gives the events {_ranges(numbers)} instead of {_ranges([each.seq for each in wanted])}; each once, "
            "in the order of seq"
        )
    for one, other in zip(found, wanted, strict=True):
        if (wrong := _unlike(one, other)) is not None:
            return f"event {other.seq} ({other.type}): {wrong}"
    return None


def _unlike(found: RunStreamEvent, wanted: RunStreamEvent) -> str | None:
    if found.type != wanted.type:
        return f"it is read as a {found.type}"
    if found != wanted:
        where = "" if found.event == wanted.event else "event."
        one, other = (found.event, wanted.event) if where else (found, wanted)
        return f"{where}{_fields(one, other)}"
    if _text(found) != _text(wanted):
        return "a number or a truth value is read as one of another type (1, 1.0, true)"
    if found.output != wanted.output:
        return (
            f"its .output is {found.output!r:.100} instead of {wanted.output!r:.100}; lamella.serial.restore computes it, "
            "given all events of a run at once"
        )
    return None


def _fields(found: Any, wanted: Any) -> str:
    for field in attrs.fields(type(wanted)):
        if field.eq and (one := getattr(found, field.name, None)) != (other := getattr(wanted, field.name)):
            return f"{field.name.lstrip('_')} is {one!r:.200} instead of {other!r:.200}"
    return f"it is {found!r:.200} instead of {wanted!r:.200}"


def _text(envelope: RunStreamEvent) -> str:
    return json.dumps(to_dict(envelope), sort_keys=True)


def _ranges(numbers: Sequence[int]) -> str:
    """``0-4, 7``; duplicates and disorder show."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    words = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found[:20])
    return words or "none"
