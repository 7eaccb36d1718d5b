"""The responses of stored runs with what their prices depend on, from events and from results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs

from lamella.events import (
    AgentStart,
    AttemptStart,
    Event,
    ResponseDone,
    RunStreamEvent,
    StreamResumed,
    StreamStart,
)
from lamella.messages import Message
from lamella.response import spent
from lamella.runs import RunResult
from lamella.usage import BUCKETS, Cost, TokenUsage

__all__ = ["FREE", "Response", "of_events", "of_result"]

_Place: TypeAlias = tuple[str, tuple[str, ...]]
_Anchor: TypeAlias = tuple[datetime, float]
"""A moment, and what the monotonic clock said then."""

FREE: Final = Cost(amount=Decimal(0), priced=True, source="cache")
"""What a response cost that was kept from an earlier call."""

_COUNTS: Final = (*BUCKETS, "total_tokens")


@attrs.frozen(kw_only=True)
class Response:
    """A response, or an attempt that failed.

    ``served`` is the model that answered, ``asked`` the one asked, ``at`` the time, ``cached`` whether it was kept
    from an earlier call. ``path`` is that of the agent, ``None`` where only a result was there to read. ``context``
    is what a price depends on besides, such as ``service_tier``.
    """

    run_id: str
    provider: str | None
    asked: str | None
    served: str | None = None
    usage: TokenUsage | None = None
    at: datetime | None = None
    path: tuple[str, ...] | None = None
    failed: bool = False
    cached: bool = False
    context: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """The names to price it by: what answered may be a dated name of what was asked for."""
        return tuple(filter(None, (self.served, self.asked)))


def of_events(events: Iterable[RunStreamEvent]) -> Iterator[Response]:
    """The responses of one or more runs, by their events in order."""
    anchors: dict[str, _Anchor] = {}
    asked: dict[_Place, tuple[str | None, str | None]] = {}
    for envelope in events:
        event, place = envelope.event, (envelope.run_id, envelope.path)
        if isinstance(event, StreamStart | StreamResumed) and event.started_at is not None:
            began = envelope.start_time if isinstance(event, StreamStart) else envelope.at
            anchors[envelope.run_id] = datetime.fromtimestamp(event.started_at, UTC), began
        if isinstance(event, StreamStart | AgentStart | AttemptStart) and event.model is not None:
            asked[place] = (event.provider, event.model)
        if isinstance(event, ResponseDone) or spent(event) is not None:
            at = _time_of(envelope, anchors.get(envelope.run_id))
            yield _response(envelope, *asked.get(place, (None, None)), at=at)


def _response(
    envelope: RunStreamEvent, provider: str | None, asked: str | None, at: datetime | None
) -> Response:
    event: Event = envelope.event
    shared: dict[str, Any] = {
        "run_id": envelope.run_id,
        "path": envelope.path,
        "asked": asked,
        "usage": spent(event),
        "at": at,
    }
    if not isinstance(event, ResponseDone):
        return Response(provider=provider, failed=True, **shared)
    raw = event.raw if event.raw is not None else event.raw_event
    return Response(
        provider=event.provider or provider,
        served=event.model,
        cached=event.cached,
        context=_context(raw),
        **shared,
    )


def _time_of(envelope: RunStreamEvent, anchor: _Anchor | None) -> datetime | None:
    if anchor is None:
        return None
    moment, began = anchor
    return moment + timedelta(seconds=max(envelope.at - began, 0))


def of_result(result: RunResult) -> Iterator[Response]:
    """The responses of a run, as far as its messages tell, then what left no message."""
    began = None if result.started_at is None else datetime.fromtimestamp(result.started_at, UTC)
    shared: dict[str, Any] = {"run_id": result.run_id, "at": began}
    for run in result.run.walk():
        whom: dict[str, Any] = {"provider": run.provider, "asked": run.model}
        messages = [message for message in getattr(run, "messages", ()) if _answers(message)]
        for message in messages:
            yield Response(usage=message.usage, context=_context(message.raw), **whom, **shared)
        below = [child.token_usage for child in run.children]
        rest = _less(run.token_usage, [*(message.usage for message in messages), *below])
        if rest is not None:
            yield Response(usage=rest, failed=True, **whom, **shared)


def _answers(message: Message) -> bool:
    """Whether a response made the message; what one used that broke off is in the rest."""
    return message.role == "assistant" and not message.meta.get("incomplete")


def _less(total: TokenUsage | None, parts: Iterable[TokenUsage | None]) -> TokenUsage | None:
    known = sum((part for part in parts if part is not None), TokenUsage())
    if total is None or (total.resolved_total_tokens or 0) <= (known.resolved_total_tokens or 0):
        return None
    left: dict[str, Any] = {}
    for name in _COUNTS:
        count = getattr(total, name)
        left[name] = None if count is None else max(count - (getattr(known, name) or 0), 0)
    return TokenUsage(**left)


def _context(raw: Any) -> Mapping[str, str]:
    """The tier that OpenAI says beside the usage, not in it."""
    tier = raw.get("service_tier") if isinstance(raw, Mapping) else None
    return {"service_tier": tier} if isinstance(tier, str) else {}
