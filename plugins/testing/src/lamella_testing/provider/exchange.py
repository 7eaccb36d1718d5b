"""``Exchange``: a request, the events that answered it, and how two answers compare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import attrs

from lamella.content import ReasoningBlock, TextBlock
from lamella.errors import LamellaError
from lamella.events import AttemptCommit, AttemptRollback, AttemptStart, Event
from lamella.models import Completion, Model, ModelRequest, fold_response
from lamella.usage import BUCKETS, TokenUsage
from lamella_testing.provider.samples import Sample

__all__ = ["Exchange", "ask", "buckets", "difference", "says", "stream_of"]


@attrs.frozen(kw_only=True)
class Exchange:
    """What came of a request. ``events`` are what the stream yielded, events or not."""

    name: str
    request: ModelRequest
    events: tuple[Any, ...]
    error: Exception | None = None
    sample: Sample | None = None

    @property
    def completion(self) -> Completion | None:
        """What the events fold to; ``None`` when they failed or break the rules of a stream."""
        if self.error is not None:
            return None
        try:
            return fold_response(self.events)
        except (LamellaError, AttributeError):  # something that is no event has no attributes of one
            return None

    @property
    def content(self) -> bool:
        """Whether anything of an answer came: events beside those of attempts."""
        attempts = (AttemptStart, AttemptRollback, AttemptCommit)
        return any(not isinstance(event, attempts) for event in self.events)

    def of(self, *kinds: type[Event]) -> Iterator[Any]:
        """The events of these types, in order."""
        return (event for event in self.events if isinstance(event, kinds))


async def ask(
    model: Model, request: ModelRequest, *, name: str = "", sample: Sample | None = None
) -> Exchange:
    """Ask and keep everything, a failure too."""
    events: list[Any] = []
    error: Exception | None = None
    try:
        async for event in stream_of(model, request):
            events.append(event)  # noqa: PERF401  # what came before a failure is kept
    except Exception as raised:
        error = raised
    return Exchange(name=name, request=request, events=tuple(events), error=error, sample=sample)


def stream_of(model: Model, request: ModelRequest) -> AsyncIterator[Event]:
    """The model's stream.

    :raises TypeError: it is none.
    """
    stream: Any = model.stream(request)
    if hasattr(stream, "__aiter__"):
        return stream  # type: ignore[no-any-return]  # as it says
    if hasattr(stream, "close"):
        stream.close()  # a coroutine that nobody awaits would warn
    raise TypeError(
        f"stream() returned {type(stream).__name__}, which is no async iterator; write it as "
        "`async def stream(self, request)` with `yield`"
    )


def buckets(usage: TokenUsage | None) -> dict[str, int | None]:
    """The counts of a usage; all ``None`` where there is none."""
    return {name: getattr(usage, name, None) for name in (*BUCKETS, "total_tokens")}


def says(completion: Completion) -> dict[str, Any]:
    """What an answer says, without ids and opaque state: the same answer says the same twice."""
    blocks = () if completion.message is None else completion.message.content
    return {
        "text": "".join(block.text for block in blocks if isinstance(block, TextBlock)),
        "reasoning": [(block.summary, block.text) for block in blocks if isinstance(block, ReasoningBlock)],
        "calls": [(call.name, call.arguments_json) for call in completion.tool_calls],
        "blocks": [getattr(block, "type", type(block).__name__) for block in blocks],
        "stop_reason": completion.stop_reason,
        "usage": buckets(completion.usage),
    }


def difference(left: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    """Where two answers differ, as words; empty when they do not."""
    return "; ".join(
        f"{name}: {left[name]!r:.300} and {right[name]!r:.300}" for name in left if left[name] != right[name]
    )
