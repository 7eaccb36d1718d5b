"""Hypothesis strategies for every type of the core, and for whole runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from lamella import events as ev
from lamella.content import (
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.events import Event, RunStreamEvent
from lamella.losses import Loss
from lamella.messages import Message
from lamella.runs import (
    AgentRun,
    ChainRun,
    ExtractionRun,
    MessageOutputItem,
    MessagesRun,
    OutputRejectedItem,
    ParallelRun,
    ReasoningItem,
    RunFailure,
    RunItem,
    RunResult,
    ToolCallItem,
    ToolCallOutputItem,
)
from lamella.usage import Cost, Timing, TokenUsage

Strategy = st.SearchStrategy[Any]

# -- JSON -----------------------------------------------------------------------------------------

texts = st.one_of(st.text(max_size=8), st.sampled_from(["", "héllo", "a\ud83db", "\u2028", "null", "\x00"]))
"""Text with lone surrogates, which must survive storage."""

words = st.text("abcdefgh_", min_size=1, max_size=6)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), numbers, texts)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
json_objects = st.dictionaries(texts, json_values, max_size=2)
unknown_fields = st.dictionaries(words.map("x_".__add__), json_values, max_size=2)
"""Fields that no class has."""


def maybe(strategy: Strategy) -> Strategy:
    return st.none() | strategy


def tuples_of(strategy: Strategy, max_size: int = 2) -> Strategy:
    return st.lists(strategy, max_size=max_size).map(tuple)


# -- usage ----------------------------------------------------------------------------------------

_counts = maybe(st.integers(min_value=0, max_value=10**6))
usages = st.builds(
    TokenUsage,
    input_tokens=_counts,
    output_tokens=_counts,
    cached_read_tokens=_counts,
    cached_write_tokens=_counts,
    reasoning_tokens=_counts,
    tool_use_tokens=_counts,
    audio_input_tokens=_counts,
    audio_output_tokens=_counts,
    total_tokens=_counts,
    estimated=st.sampled_from([(), ("input_tokens",)]),
    raw=maybe(json_objects),
)
moments = st.floats(min_value=0, max_value=1e6)
timings = st.builds(Timing, start_time=moments, end_time=maybe(moments), first_token=maybe(moments))
costs = st.builds(
    Cost,
    amount=st.decimals(allow_nan=False, allow_infinity=False).map(lambda value: Decimal(str(value))),
    priced=st.booleans(),
    source=texts,
)
losses = st.builds(
    Loss,
    kind=st.sampled_from(["rewritten", "dropped", "refused"]),
    what=words,
    reason=texts,
    message=maybe(st.integers(0, 9)),
    block=maybe(st.integers(0, 9)),
)

# -- blocks ---------------------------------------------------------------------------------------

_shared: dict[str, Strategy] = {"opaque": json_objects}
text_blocks = st.builds(
    TextBlock,
    text=texts,
    annotations=tuples_of(json_values),
    logprobs=maybe(tuples_of(json_values)),
    **_shared,
)
reasoning_blocks = st.builds(
    ReasoningBlock,
    summary=texts,
    text=maybe(texts),
    signature=maybe(texts),
    reasoning_id=maybe(words),
    redacted=st.booleans(),
    provider=maybe(words),
    provider_meta=maybe(json_objects),
    **_shared,
)
argument_texts = st.one_of(
    st.sampled_from(
        ["", " ", "{}", '{"a":1}', '{"a": 1,\n "b": [2.50]}', '{"a": 1', "[1]", "null", '{"a": 1e999}']
    ),
    texts,
)
tool_call_blocks = st.one_of(
    st.builds(ToolCallBlock, call_id=words, name=words, arguments_json=argument_texts, **_shared),
    st.builds(ToolCallBlock, call_id=words, name=words, arguments=json_objects, **_shared),
)
_mime_types = st.sampled_from(["image/png", "application/pdf", "application/octet-stream"])
media = st.one_of(
    st.builds(MediaContent, data=st.binary(min_size=1, max_size=6), mime_type=_mime_types, **_shared),
    st.builds(MediaContent, url=texts, mime_type=_mime_types, **_shared),
    st.builds(MediaContent, file_id=texts, provider=maybe(words), mime_type=_mime_types, **_shared),
)
opaque_contents = st.builds(
    OpaqueContent,
    type=words.map("acme.".__add__),
    provider=maybe(words),
    data=st.dictionaries(
        texts.filter(lambda key: key not in ("type", "provider", "opaque")), json_values, max_size=3
    ),
    **_shared,
)
_parts = st.lists(st.one_of(text_blocks, media, opaque_contents), min_size=1, max_size=2).map(tuple)
outputs = st.one_of(texts, json_values, _parts)
tool_output_blocks = st.builds(
    ToolOutputBlock,
    call_id=words,
    name=maybe(words),
    output=outputs,
    is_error=st.booleans(),
    **_shared,
)
blocks = st.one_of(
    text_blocks, reasoning_blocks, tool_call_blocks, tool_output_blocks, media, opaque_contents
)

# -- messages -------------------------------------------------------------------------------------

_said = text_blocks.filter(lambda block: block.text)
_rest: dict[str, Strategy] = {"usage": maybe(usages), "raw": maybe(json_values), "meta": json_objects}
messages = st.one_of(
    st.builds(
        Message, role=st.just("system"), content=st.lists(text_blocks, min_size=1, max_size=2), **_rest
    ),
    st.builds(
        Message,
        role=st.just("user"),
        content=st.lists(
            st.one_of(_said, media, tool_output_blocks, opaque_contents), min_size=1, max_size=3
        ),
        **_rest,
    ),
    st.builds(
        Message,
        role=st.just("assistant"),
        content=st.lists(
            st.one_of(text_blocks, reasoning_blocks, tool_call_blocks, media, opaque_contents),
            min_size=1,
            max_size=3,
        ),
        **_rest,
    ),
)

# -- events ---------------------------------------------------------------------------------------

_stop_reasons = st.sampled_from(["end_turn", "tool_use", "max_tokens", "refusal", "pause", "other"])
_kinds = st.sampled_from(["messages", "parallel", "chain", "extraction"])
_inputs = tuples_of(messages, 1)
_call: dict[str, Strategy] = {"call_id": words, "name": words}
_who: dict[str, Strategy] = {"provider": maybe(words), "model": maybe(words)}
_event: dict[str, Strategy] = {
    "id": maybe(words),
    "raw_event": maybe(json_values),
    "token_usage": maybe(usages),
}
_start: dict[str, Strategy] = {
    "kind": _kinds,
    "agent": maybe(words),
    "settings": json_objects,
    "system_instruction": maybe(texts),
    "input": _inputs,
}
_reasoning: dict[str, Strategy] = {
    "text": maybe(texts),
    "signature": maybe(texts),
    "reasoning_id": maybe(words),
    "redacted": st.booleans(),
    "provider": maybe(words),
    "provider_meta": maybe(json_objects),
    "opaque": json_objects,
}
_deltas: dict[type[Event], dict[str, Strategy]] = {
    ev.MessageOutputDelta: {"delta": texts},
    ev.ToolCallDelta: {**_call, "delta": st.one_of(texts, json_objects)},
    ev.ReasoningDelta: {"delta": texts, "kind": st.sampled_from(["summary", "text"])},
}
_EVENTS: dict[type[Event], dict[str, Strategy]] = {
    **_deltas,
    ev.StreamStart: {
        **_start,
        **_who,
        "native_input": maybe(tuples_of(json_objects)),
        "started_at": maybe(moments),
        "conversation": maybe(words),
    },
    ev.MessageOutputDone: {
        "output": texts,
        "annotations": tuples_of(json_values),
        "logprobs": maybe(tuples_of(json_values)),
        "opaque": json_objects,
    },
    ev.ToolCallDone: {**_call, "arguments_json": argument_texts, "opaque": json_objects},
    ev.ToolOutputDone: {"call_id": words, "name": maybe(words), "output": outputs, "is_error": st.booleans()},
    ev.ReasoningDone: {"summary": maybe(texts), **_reasoning},
    ev.ToolStart: {"call_id": words, "name": words},
    ev.ToolEnd: {"call_id": words, "name": words, "output": outputs, "is_error": st.booleans()},
    ev.StreamResumed: {
        "agent": maybe(words),
        "model": maybe(words),
        "started_at": maybe(moments),
        "unknown": st.lists(words, max_size=2),
    },
    ev.StreamEnd: {"output": texts, "stop_reason": _stop_reasons, "result": json_values},
    ev.StreamError: {"error": texts, "code": words, "retryable": st.booleans(), "context": json_objects},
    ev.OtherEvent: {"name": maybe(words), "block": maybe(opaque_contents)},
    ev.ResponseDone: {
        **_who,
        "stop_reason": _stop_reasons,
        "raw_stop_reason": maybe(texts),
        "response_id": maybe(words),
        "losses": tuples_of(losses),
        "cached": st.booleans(),
        "raw": maybe(json_values),
    },
    ev.AttemptStart: {**_who, "attempt": st.integers(1, 5)},
    ev.AttemptRollback: {
        "attempt": st.integers(1, 5),
        "error": texts,
        "code": words,
        "wait": moments,
        "visible": st.booleans(),
    },
    ev.AttemptCommit: {"attempt": st.integers(1, 5)},
    ev.AgentStart: {**_start, **_who, "call_id": maybe(words)},
    ev.AgentEnd: {
        "agent": maybe(words),
        "output": texts,
        "stop_reason": _stop_reasons,
        "result": json_values,
        "error": maybe(texts),
        "code": maybe(words),
    },
    ev.ProgressStart: {"key": texts, "details": maybe(texts), "call_id": maybe(words)},
    ev.ProgressUpdate: {"key": texts, "fraction": st.floats(0, 1), "call_id": maybe(words)},
    ev.ProgressEnd: {"key": texts, "call_id": maybe(words)},
    ev.ApprovalPending: {**_call, "arguments": json_objects},
    ev.ApprovalResolved: {**_call, "approved": st.booleans(), "reason": maybe(texts)},
    ev.GuardrailOverride: {"output": texts, "guardrail": maybe(words), "reason": maybe(texts)},
    ev.OutputRejected: {"told": words, "problems": tuples_of(texts, 2)},
    ev.MediaOutputDone: {"media": st.one_of(media, opaque_contents)},
}
"""How to build each event type of the core; a test checks that none is missing."""

EVENT_TYPES = frozenset(_EVENTS)
events = st.one_of([st.builds(cls, **_event, **fields) for cls, fields in _EVENTS.items()])
opaque_events = st.builds(
    ev.OpaqueEvent,
    type=words.map("acme.".__add__),
    id=maybe(words),
    raw_event=maybe(json_objects),
    data=unknown_fields,
)
envelopes = st.builds(
    RunStreamEvent,
    event=events,
    run_id=words,
    seq=st.integers(0, 10**6),
    path=tuples_of(words),
    token_usage=maybe(usages),
    at=moments,
    start_time=moments,
    first_token=maybe(moments),
)

# -- runs -----------------------------------------------------------------------------------------

_item: dict[str, Strategy] = {
    "id": maybe(words),
    "turn": st.integers(0, 9),
    "raw_item": maybe(json_values),
    "token_usage": maybe(usages),
}
items: st.SearchStrategy[RunItem] = st.one_of(
    st.builds(MessageOutputItem, block=st.one_of(text_blocks, media, opaque_contents), **_item),
    st.builds(ToolCallItem, block=tool_call_blocks, **_item),
    st.builds(ToolCallOutputItem, block=tool_output_blocks, **_item),
    st.builds(ReasoningItem, block=reasoning_blocks, **_item),
    st.builds(OutputRejectedItem, block=text_blocks, **_item),
)
_run: dict[str, Strategy] = {
    **_who,
    "agent": maybe(words),
    "settings": maybe(json_objects),
    "token_usage": maybe(usages),
}
_leaf_runs = st.one_of(
    st.builds(MessagesRun, messages=tuples_of(messages, 1), **_run),
    st.builds(ExtractionRun, messages=tuples_of(messages, 1), result=json_values, **_run),
)
runs: st.SearchStrategy[AgentRun] = st.recursive(
    _leaf_runs,
    lambda inner: st.one_of(
        [st.builds(cls, runs=tuples_of(inner), **_run) for cls in (MessagesRun, ParallelRun, ChainRun)]
    ),
    max_leaves=3,
)
failures = st.builds(RunFailure, message=texts, code=words, retryable=st.booleans(), context=json_objects)
results = st.builds(
    RunResult,
    run_id=words,
    output=texts,
    new_items=tuples_of(items),
    token_usage=maybe(usages),
    timing=timings,
    run=runs,
    messages=tuples_of(messages, 1),
    stop_reason=maybe(_stop_reasons),
    status=st.sampled_from(["completed", "failed", "cancelled", "interrupted"]),
    error=maybe(failures),
    input=tuples_of(messages, 1),
    losses=tuples_of(losses),
    started_at=maybe(moments),
)

# -- whole runs -----------------------------------------------------------------------------------


@st.composite
def run_envelopes(draw: st.DrawFn) -> list[RunStreamEvent]:
    """A run as the agent loop emits it: turns, retries, tools, nested agents, any kind of end, or none."""
    from lamella.running_text import RunningText

    story: list[tuple[tuple[str, ...], Event]] = [((), ev.StreamStart(input=draw(_inputs), started_at=1.5))]
    _tell_turns(draw, story, (), depth=0)
    story.extend(((), event) for event in draw(st.one_of(st.just([]), _ends)))
    if draw(st.booleans()):
        story = story[: draw(st.integers(1, len(story)))]
    text = RunningText()
    return [
        RunStreamEvent(
            event=event,
            run_id="r",
            seq=seq,
            path=path,
            at=float(seq),
            start_time=0.0,
            text=text.feed(path, event),
        )
        for seq, (path, event) in enumerate(story)
    ]


_ends: st.SearchStrategy[list[Event]] = st.one_of(
    st.builds(lambda text: [ev.GuardrailOverride(output=text), ev.StreamEnd(output=text)], texts),
    st.builds(lambda text: [ev.StreamEnd(output=text)], texts),
    st.just([ev.StreamError(error="broken", code="api.server_error")]),
    st.just([ev.StreamError(error="stop", code="agent.cancelled")]),
)
_short = st.text("ab", min_size=1, max_size=3)


def _tell_turns(draw: st.DrawFn, story: list[Any], path: tuple[str, ...], depth: int) -> None:
    for turn in range(draw(st.integers(0, 2))):
        for attempt in range(1, draw(st.integers(1, 2)) + 1):
            if attempt > 1:
                usage = draw(maybe(st.just(TokenUsage(input_tokens=3))))
                story.append((path, ev.AttemptRollback(attempt=attempt - 1, token_usage=usage)))
            story.append((path, ev.AttemptStart(attempt=attempt)))
            calls = _tell_response(draw, story, path, turn)
        story.append(
            (path, ev.ResponseDone(token_usage=draw(maybe(usages)), losses=draw(tuples_of(losses, 1))))
        )
        story.append((path, ev.AttemptCommit(attempt=attempt)))
        for call_id in calls:
            if depth < 2 and draw(st.booleans()):
                below = (*path, call_id)
                story.append((below, ev.AgentStart(agent="inner", call_id=call_id)))
                _tell_turns(draw, story, below, depth + 1)
                if draw(st.booleans()):
                    story.append((below, ev.AgentEnd(agent="inner", output="done")))
            story.append(
                (path, ev.ToolOutputDone(id=call_id, call_id=call_id, name="t", output=draw(outputs)))
            )


def _tell_response(draw: st.DrawFn, story: list[Any], path: tuple[str, ...], turn: int) -> list[str]:
    """Blocks of one response, with their deltas; returns the ids of its calls."""
    calls: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["text", "reasoning", "call", "media", "other"]), max_size=3)):
        pieces = draw(st.lists(_short, max_size=3))
        if kind == "text":
            story.extend((path, ev.MessageOutputDelta(delta=piece)) for piece in pieces)
            whole = "".join(pieces) or draw(_short)
            story.append((path, ev.MessageOutputDone(output=whole)))
        elif kind == "reasoning":
            story.extend((path, ev.ReasoningDelta(delta=piece)) for piece in pieces)
            story.append((path, ev.ReasoningDone(text="".join(pieces))))
        elif kind == "call":
            call_id = "-".join([*path, f"c{turn}{len(calls)}"])
            arguments = draw(argument_texts)
            story.append((path, ev.ToolCallDelta(call_id=call_id, name="t", delta=arguments)))
            story.append((path, ev.ToolCallDone(call_id=call_id, name="t", arguments_json=arguments)))
            calls.append(call_id)
        elif kind == "media":
            story.append((path, ev.MediaOutputDone(media=draw(media))))
        else:
            story.append((path, ev.OtherEvent(name="x", block=draw(maybe(opaque_contents)))))
    return calls


def with_unknown_fields(value: Any, fields: dict[str, Any]) -> Any:
    """The value as a newer release would have stored it: with fields that this one does not have."""
    return attrs.evolve(value, extra=fields)
