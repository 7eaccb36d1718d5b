"""Envelopes to rows of ``events``: each is encoded once, a delta with as little work as its text needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final, TypeAlias

import attrs

from lamella.events import (
    Event,
    MessageOutputDelta,
    OpaqueEvent,
    ReasoningDelta,
    RunStreamEvent,
    ToolCallDelta,
)
from lamella.serial import VERSION, to_dict
from lamella.serial.stored import RawPolicy, stored_form
from lamella.usage import TokenUsage
from lamella_sql._escape import encode_json, encode_path, readable, settled

__all__ = ["Encoded", "encode", "event_row"]

Encoded: TypeAlias = tuple[RunStreamEvent, str, str | None]
"""An envelope, and the two of its parts that are JSON: the event and the usage."""


def encode(envelopes: Iterable[RunStreamEvent], raw: RawPolicy) -> list[Encoded]:
    """Write the events and usages as JSON.

    :raises AgentSerializationError: an event has no stored form.
    """
    made: list[Encoded] = []
    known: TokenUsage | None = None
    usage: str | None = None
    for envelope in envelopes:
        event, total = envelope.event, envelope.token_usage
        if total is known and not event.durable and event.token_usage is None:
            made.append((envelope, _delta(event), usage))
            continue
        document = stored_form(envelope, raw)
        if total is not known:  # the sum stays one object until something adds to it
            known, written = total, document.get("token_usage")
            usage = None if written is None else encode_json(written)
        made.append((envelope, encode_json(document["event"]), usage))
    return made


def event_row(run_id: str, encoded: Encoded, at: float | None) -> tuple[Any, ...]:
    """The row, in the order of the table's columns; ``run_id`` as it is stored, ``at`` in Unix time."""
    envelope, data, usage = encoded
    event, path = envelope.event, envelope.path
    return (
        run_id,
        envelope.seq,
        at,
        encode_path(path) if path else "",
        event.type if type(event) is not OpaqueEvent else readable(event.type),
        data,
        usage,
        envelope.at,
        envelope.start_time,
        envelope.first_token,
        VERSION,
    )


# -- deltas: nineteen of twenty events ------------------------------------------------------------


def _delta(event: Event) -> str:
    """A delta as :func:`~lamella.serial.to_dict` writes it, without the provider's chunk, which is not even copied."""
    write = _WRITERS.get(type(event))
    if write is not None and not event.extra:
        text = write(event)
        if text is not None:
            return settled(text)
    return encode_json(to_dict(event if event._raw_event is None else attrs.evolve(event, raw_event=None)))


def _id(event: Event) -> str:
    return "" if event.id is None else f',"id":{encode_basestring(event.id)}'


def _message(event: MessageOutputDelta) -> str:
    return f'{{"type":"{event.type}","delta":{encode_basestring(event.delta)}{_id(event)}}}'


def _reasoning(event: ReasoningDelta) -> str:
    delta = encode_basestring(event.delta)
    return f'{{"type":"{event.type}","delta":{delta},"kind":"{event.kind}"{_id(event)}}}'


def _tool_call(event: ToolCallDelta) -> str | None:
    if not isinstance(event.delta, str):
        return None
    call, name = encode_basestring(event.call_id), encode_basestring(event.name)
    piece = f',"delta":{encode_basestring(event.delta)}' if event.delta else ""
    return f'{{"type":"{event.type}","call_id":{call},"name":{name}{_id(event)}{piece}}}'


_WRITERS: Final[Mapping[type[Event], Callable[[Any], str | None]]] = {
    MessageOutputDelta: _message,
    ReasoningDelta: _reasoning,
    ToolCallDelta: _tool_call,
}
