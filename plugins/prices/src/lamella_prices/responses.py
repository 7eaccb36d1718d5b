"""The responses of runs with what their prices depend on, from events and from results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import attrs

from lamella.events import AgentStart, AttemptStart, Event, ResponseDone, RunStreamEvent, StreamStart
from lamella.messages import Message
from lamella.response import spent
from lamella.runs import AgentRun, RunResult
from lamella.usage import BUCKETS, TokenUsage

__all__ = ["Response", "of_events", "of_result"]

_Place: TypeAlias = tuple[str, tuple[str, ...]]
_COUNTS: Final = (*BUCKETS, "total_tokens")


@attrs.frozen(kw_only=True)
class Response:
    """A response, or an attempt that failed. ``served`` is the model that answered, ``asked`` the one asked."""

    run_id: str
    provider: str | None
    asked: str | None
    served: str | None = None
    usage: TokenUsage | None = None
    at: datetime | None = None
    context: Mapping[str, str] = attrs.field(factory=dict)


def of_events(events: Iterable[RunStreamEvent]) -> Iterator[Response]:
    """The responses of one or more runs, by their events in order."""
    began: dict[str, datetime | None] = {}
    asked: dict[_Place, tuple[str | None, str | None]] = {}
    for envelope in events:
        event, place = envelope.event, (envelope.run_id, envelope.path)
        if isinstance(event, StreamStart):
            began[envelope.run_id] = _moment(event.started_at)
        if isinstance(event, StreamStart | AgentStart | AttemptStart) and event.model is not None:
            asked[place] = (event.provider, event.model)
        if isinstance(event, ResponseDone) or spent(event) is not None:
            start, whom = began.get(envelope.run_id), asked.get(place, (None, None))
            yield _response(envelope, *whom, at=_time_of(envelope, start))


def _response(
    envelope: RunStreamEvent, provider: str | None, asked: str | None, at: datetime | None
) -> Response:
    event: Event = envelope.event
    shared: dict[str, Any] = {"run_id": envelope.run_id, "asked": asked, "usage": spent(event), "at": at}
    if not isinstance(event, ResponseDone):
        return Response(provider=provider, **shared)
    raw = event.raw if event.raw is not None else event.raw_event
    return Response(provider=event.provider or provider, served=event.model, context=_context(raw), **shared)


def _time_of(envelope: RunStreamEvent, began: datetime | None) -> datetime | None:
    if began is None:
        return None
    return began + timedelta(seconds=max(envelope.at - envelope.start_time, 0))


def of_result(result: RunResult) -> Iterator[Response]:
    """The responses of a run, as far as its messages tell, then what left no message."""
    shared: dict[str, Any] = {"run_id": result.run_id, "at": _moment(result.started_at)}
    for run in _tree(result.run):
        whom: dict[str, Any] = {"provider": run.provider, "asked": run.model}
        messages = [message for message in getattr(run, "messages", ()) if _answers(message)]
        for message in messages:
            yield Response(usage=message.usage, context=_context(message.raw), **whom, **shared)
        below = [child.token_usage for child in run.children]
        rest = _less(run.token_usage, [*(message.usage for message in messages), *below])
        if rest is not None:
            yield Response(usage=rest, **whom, **shared)


def _tree(run: AgentRun) -> Iterator[AgentRun]:
    yield run
    for child in run.children:
        yield from _tree(child)


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


def _moment(unix: float | None) -> datetime | None:
    return None if unix is None else datetime.fromtimestamp(unix, UTC)
