"""Stored events against those that were written: what is missing, and what is not the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from lamella.events import RunStreamEvent
from lamella.serial.stored import RawPolicy, stored_form
from lamella.specs import RunStore

__all__ = ["Stored", "first_loss", "kept_of", "stored"]

Stored: TypeAlias = Mapping[str, Any]
"""An envelope as a store keeps it."""


def kept_of(events: Iterable[RunStreamEvent], store: RunStore) -> list[Stored]:
    """What a store should have of events: all, or what its policies leave."""
    raw: RawPolicy = getattr(store, "raw", "full")
    deltas: bool = getattr(store, "deltas", True)
    return [stored_form(envelope, raw) for envelope in events if deltas or envelope.event.durable]


def stored(events: Iterable[RunStreamEvent]) -> list[Stored]:
    """Events that were loaded, as they can be compared; the payload of a delta is kept by no store."""
    return [stored_form(envelope) for envelope in events]


def first_loss(expected: Sequence[Stored], found: Sequence[Stored]) -> str | None:
    """The first thing of the events that is not as it was written, in words; ``None`` where all is."""
    by_seq = {document["seq"]: document for document in found}
    for document in expected:
        there = by_seq.pop(document["seq"], None)
        if there is None:
            missing = len(expected) - len(found)
            more = f" ({missing} of {len(expected)} events are missing)" if missing > 0 else ""
            return f"{_name(document)} is missing{more}"
        if there != document:
            return f"{_name(document)} is not the same: {', '.join(_unequal(document, there))}"
    if by_seq:
        return f"{_name(next(iter(by_seq.values())))} is there besides"
    if len(found) != len(expected):
        return f"{len(found)} events are there for {len(expected)}: some are there twice"
    return None


def _name(document: Stored) -> str:
    return f"event {document['seq']} ({document['event'].get('type', 'unknown')})"


def _unequal(left: Stored, right: Stored, prefix: str = "") -> list[str]:
    """The names of the fields with other values, those of the event by themselves."""
    names: list[str] = []
    for key in dict.fromkeys((*left, *right)):
        one, other = left.get(key), right.get(key)
        if one == other:
            continue
        if key == "event" and not prefix and isinstance(one, Mapping) and isinstance(other, Mapping):
            names.extend(_unequal(one, other, "event."))
        else:
            names.append(f"{prefix}{key}")
    return names
