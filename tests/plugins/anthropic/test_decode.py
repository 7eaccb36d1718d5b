"""Answers: every event of the wire, streams cut anywhere, gateways' habits, and wrong shapes."""

from __future__ import annotations

import json
import random
from typing import Any

import anthropic_wire as wire
import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_player import Played, play

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.errors import AgentParsingError, LamellaError, ServerError, StreamInterruptedError
from lamella.events import (
    Event,
    MessageOutputDelta,
    OtherEvent,
    ReasoningDelta,
    ResponseDone,
    ToolCallDelta,
)
from lamella.models import Completion
from lamella_anthropic import ChatAnthropic
from lamella_anthropic.decode import MessagesDecoder


def model(**fields: Any) -> ChatAnthropic:
    return ChatAnthropic(**{"api_key": "sk-x-secret", "max_retries": 0, **fields})


async def streamed(*chunks: Any, named: bool = True, **fields: Any) -> Played:
    return await play(model(**fields), wire.sse(*chunks, named=named))


async def answer(*chunks: Any) -> Completion:
    got = await streamed(*chunks)
    assert got.error is None
    assert got.completion is not None
    return got.completion


def essence(completion: Completion | None) -> dict[str, Any]:
    """A completion without the payloads and the spelling of arguments, which differ by nature."""
    assert completion is not None
    assert completion.message is not None
    kept = attrs.asdict(
        completion, recurse=False, filter=lambda f, _: f.name not in ("message", "tool_calls")
    )
    return {
        **kept,
        "blocks": [
            (b.call_id, b.name, b.arguments, b.opaque) if isinstance(b, ToolCallBlock) else b
            for b in completion.message.content
        ],
    }


def kinds(completion: Completion) -> list[str]:
    assert completion.message is not None
    return [str(getattr(block, "type", "")) for block in completion.message.content]


async def test_f_n23_streamed_equals_unstreamed() -> None:
    """F-N23, F-ANT03: blocks, state, stop reason, usage."""
    first = await streamed(*wire.STREAM)
    second = await play(model(), json.dumps(wire.WHOLE).encode(), streaming=False)
    assert first.error is None
    assert essence(first.completion) == essence(second.completion)
    whole = [event.type for event in second.events if event.durable]
    assert [event.type for event in first.events if event.durable] == whole


async def test_f_n36_the_blocks_of_an_answer() -> None:
    """F-N36, F-N37: each kind in its place, with the issuer's state."""
    completion = await answer(*wire.STREAM)
    assert completion.message is not None
    thinking, redacted, search, found, said, call, now = completion.message.content
    assert isinstance(thinking, ReasoningBlock)
    assert (thinking.text, thinking.signature, thinking.provider) == ("hm ö", "c2ln", "anthropic")
    assert isinstance(redacted, ReasoningBlock)
    assert (redacted.redacted, redacted.signature, redacted.text) == (True, "ZGF0YQ==", None)
    assert isinstance(search, OpaqueContent)
    assert (search.type, search.provider) == ("anthropic.server_tool_use", "anthropic")
    assert search.data == {"item": {**wire.SEARCH, "input": {"query": "q"}}}
    assert isinstance(found, OpaqueContent)
    assert found.data == {"item": wire.FOUND}
    assert isinstance(said, TextBlock)
    assert (said.text, said.annotations) == ("Grüße 🌍", (wire.CITATION,))
    assert isinstance(call, ToolCallBlock)
    assert (call.call_id, call.name, call.arguments_json) == ("toolu_6", "weather", '{"city": "Rome"}')
    assert isinstance(now, ToolCallBlock)
    assert (now.arguments_json, now.arguments) == ("{}", {})


async def test_f_evt03_deltas_join_to_the_whole() -> None:
    """F-EVT03: also of a call without arguments."""
    got = await streamed(*wire.STREAM)
    deltas: dict[type[Event], str] = dict.fromkeys((MessageOutputDelta, ReasoningDelta, ToolCallDelta), "")
    for event in got.events:
        if type(event) in deltas:
            deltas[type(event)] += event.delta  # type: ignore[attr-defined]
    assert list(deltas.values()) == ["Grüße 🌍", "hm ö", '{"city": "Rome"}{}']
    first = next(event for event in got.events if isinstance(event, ReasoningDelta))
    assert first.token_usage is not None
    assert first.token_usage.cached_read_tokens == 30


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers())
async def test_pieces_of_any_size_give_the_same_events(seed: int) -> None:
    body = wire.sse(*wire.STREAM)
    whole = await play(model(), body)
    assert (await play(model(), body, sizes=random.Random(seed))).events == whole.events


async def test_a_stream_cut_anywhere_is_interrupted() -> None:
    """F-N23: complete only with ``message_stop``; what had come is kept."""
    body = wire.sse(*wire.STREAM)
    whole = (await play(model(), body)).completion
    assert whole is not None
    stop = body.index(b"event: message_stop")
    for place in range(0, len(body), 7):
        got = await play(model(), body[:place])
        if got.error is None:
            assert place > stop
            assert essence(got.completion) == essence(whole)
            continue
        assert isinstance(got.error, StreamInterruptedError)
        assert got.error.retryable
        if got.error.partial is not None:
            assert whole.content.startswith(got.error.partial.content)


async def test_message_stop_alone_is_no_end() -> None:
    got = await streamed(wire.start(), *wire.text(0, "hi"), {"type": "message_stop"})
    assert isinstance(got.error, StreamInterruptedError)
    assert got.error.partial is not None
    assert got.error.partial.content == "hi"
    got = await streamed(wire.start(), *wire.text(0, "hi"), *wire.end()[:1], "[DONE]")
    assert isinstance(got.error, StreamInterruptedError)


@pytest.mark.parametrize(
    ("raw", "stop"),
    [
        ("end_turn", "end_turn"),
        ("tool_use", "tool_use"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("model_context_window_exceeded", "max_tokens"),
        ("compaction", "pause"),
        ("of_tomorrow", "other"),
    ],
)
async def test_f_loop11_stop_reasons(raw: str, stop: str) -> None:
    """F-LOOP11, table W4."""
    completion = await answer(wire.start(), *wire.text(0, "x"), *wire.end(raw))
    assert (completion.stop_reason, completion.raw_stop_reason) == (stop, raw)


# -- gateways -------------------------------------------------------------------------------------


async def test_events_without_names_and_a_done_at_the_end() -> None:
    chunks = (wire.start(), *wire.text(0, "hi"), *wire.end(), "[DONE]")
    got = await streamed(*chunks, named=False)
    assert got.completion is not None
    assert (got.completion.content, got.completion.id, got.completion.model) == ("hi", "msg_1", "claude-x")


async def test_blocks_are_given_in_the_order_of_their_index() -> None:
    """Whatever the order in which they come, are mixed, and end."""
    one, two, three = wire.call(0, "a", "{}"), wire.text(1, "hi"), wire.call(2, "b", "{}")
    mixed = [three[0], one[0], two[0], three[1], two[1], one[1], three[2], two[2], one[2]]
    completion = await answer(wire.start(), *mixed, *wire.end("tool_use"))
    assert kinds(completion) == ["tool_call", "text", "tool_call"]
    assert [call.name for call in completion.tool_calls] == ["a", "b"]


async def test_blocks_that_come_in_another_order_than_their_index() -> None:
    completion = await answer(
        wire.start(), *wire.text(1, "b"), *wire.call(0, "f", "{}"), *wire.text(2, "c"), *wire.end("tool_use")
    )
    assert kinds(completion) == ["tool_call", "text", "text"]


def test_pieces_are_given_as_they_come() -> None:
    """Also after an index that a gateway has left out: the block after the gap waits for its end."""
    decoder = MessagesDecoder("anthropic")
    chunks = [wire.start(), *wire.text(0, "a"), *wire.text(2, "b"), *wire.text(3, "c"), *wire.text(4, "d")]
    given = [[event.type for event in decoder.feed(chunk)] for chunk in chunks]
    both = ["message.output.delta", "message.output.done"]
    assert given == [[], [], both[:1], both[1:], [], [], [], both, both[:1], both[1:], [], both[:1], both[1:]]


@pytest.mark.parametrize("index", [0, 1, None])
async def test_gateways_that_count_otherwise(index: int | None) -> None:
    """Every block 0, from 1, or without a number."""
    parts = [*wire.text(0, "a"), *wire.call(0, "f", '{"x":1}'), *wire.text(0, "b")]
    if index == 1:
        parts = [*wire.text(1, "a"), *wire.call(2, "f", '{"x":1}'), *wire.text(3, "b")]
    if index is None:
        parts = [{k: v for k, v in part.items() if k != "index"} for part in parts]
    completion = await answer(wire.start(), *parts, *wire.end("tool_use"))
    assert kinds(completion) == ["text", "tool_call", "text"]
    assert completion.tool_calls[0].arguments == {"x": 1}


async def test_blocks_that_are_not_begun_or_not_ended() -> None:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}
    completion = await answer(wire.start(), delta, *wire.call(1, "f", "{}")[:-1], *wire.end())
    assert kinds(completion) == ["text", "tool_call"]
    assert completion.stop_reason == "tool_use"


async def test_calls_that_the_message_begins_with() -> None:
    item = {"type": "tool_use", "id": "toolu_0", "name": "f", "input": {"x": 1}}
    completion = await answer(wire.start(content=[item]), *wire.end("tool_use"))
    assert completion.tool_calls[0].arguments == {"x": 1}


async def test_input_that_stands_in_the_start() -> None:
    item = {"type": "tool_use", "id": "toolu_0", "name": "f", "input": {"x": 1}}
    completion = await answer(wire.start(), *wire.block(0, item), *wire.end("tool_use"))
    assert completion.tool_calls[0].arguments_json == '{"x": 1}'


# -- what is not known ----------------------------------------------------------------------------


async def test_unknown_events_blocks_and_deltas_survive() -> None:
    """Law 4: events and blocks that this plugin does not know are kept and go back."""
    unknown = {"type": "hologram", "id": "h1", "data": "a", "seen": None}
    got = await streamed(
        wire.start(),
        {"type": "weather_report", "x": 1},
        *wire.block(
            0,
            unknown,
            {"type": "hologram_delta", "data": "b"},
            {"type": "hologram_delta", "data": "c", "seen": True},
        ),
        *wire.block(1, {"type": "text", "text": "hi"}, {"type": "scent_delta", "scent": "rose"}),
        *wire.end(),
    )
    assert got.completion is not None
    assert got.completion.message is not None
    hologram, said = got.completion.message.content
    assert isinstance(hologram, OpaqueContent)
    assert hologram.type == "anthropic.hologram"
    assert hologram.data["item"] == {"type": "hologram", "id": "h1", "data": "abc", "seen": True}
    assert said.opaque == {"anthropic": {"block": {"scent": "rose"}}}
    names = [event.name for event in got.events if isinstance(event, OtherEvent)]
    assert names == ["weather_report", "hologram_delta", "hologram_delta", "hologram", "scent_delta"]


async def test_compaction_and_fallback() -> None:
    fallback = {"type": "fallback", "from": {"model": "claude-x"}, "to": {"model": "claude-y"}, "trigger": {}}
    completion = await answer(
        wire.start(),
        *wire.block(
            0,
            {"type": "compaction", "content": None},
            {"type": "compaction_delta", "content": "so far", "encrypted_content": "E"},
        ),
        *wire.block(1, fallback),
        *wire.text(2, "hi"),
        *wire.end(),
    )
    assert completion.message is not None
    compaction = completion.message.content[0]
    assert isinstance(compaction, OpaqueContent)
    assert compaction.data["item"] == {"type": "compaction", "content": "so far", "encrypted_content": "E"}
    assert completion.model == "claude-y"


async def test_hidden_thinking_is_signed_and_counted() -> None:
    """F-N36: with ``thinking_display="omitted"`` only the signature comes."""
    got = await streamed(
        wire.start(),
        *wire.block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "", "estimated_tokens": 64},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *wire.text(1, "hi"),
        *wire.end(),
    )
    assert got.completion is not None
    (thought,) = got.completion.reasoning
    assert (thought.text, thought.signature) == ("", "c2ln")
    assert [event.name for event in got.events if isinstance(event, OtherEvent)] == ["thinking_delta"]


async def test_arguments_that_are_cut_stay_as_they_came() -> None:
    """Law 4: never the empty object."""
    search = wire.block(1, wire.SEARCH, {"type": "input_json_delta", "partial_json": '{"que'})
    got = await streamed(wire.start(), *wire.call(0, "f", '{"x": "ab'), *search, *wire.end("max_tokens"))
    assert got.completion is not None
    assert got.completion.message is not None
    call, work = got.completion.message.content
    assert isinstance(call, ToolCallBlock)
    assert (call.arguments_json, call.arguments) == ('{"x": "ab', None)
    assert isinstance(work, OpaqueContent)
    assert work.data["partial_json"] == '{"que'


# -- errors ---------------------------------------------------------------------------------------


async def test_an_error_in_the_stream_carries_what_had_come() -> None:
    """F-PRV02, F-N40."""
    error = {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded, sk-x-secret"},
        "request_id": "req_9",
    }
    got = await streamed(wire.start(), *wire.text(0, "Hel"), error)
    assert isinstance(got.error, ServerError)
    assert got.error.retryable
    assert got.error.context["type"] == "overloaded_error"
    assert got.error.context["request_id"] == "req_9"
    assert "sk-x-secret" not in str(got.error)
    assert got.error.partial is not None
    assert got.error.partial.content == "Hel"
    assert got.error.partial.usage is not None
    assert got.error.partial.usage.input_tokens == 10


async def test_errors_in_the_forms_of_gateways() -> None:
    for chunk in (
        {"error": "no more"},
        {"error": {"message": "no more"}},
        {"type": "error", "error": "no more"},
    ):
        got = await streamed(wire.start(), json.dumps(chunk))
        assert isinstance(got.error, LamellaError)
        assert "no more" in got.error.message
        unstreamed = await play(model(), json.dumps(chunk).encode(), streaming=False)
        assert "no more" in str(unstreamed.error)


BAD: tuple[Any, ...] = (
    [],
    "text",
    7,
    {"type": "message_start"},
    {"type": "message_start", "message": []},
    {"type": "content_block_start", "index": 0},
    {"type": "content_block_start", "index": 0, "content_block": []},
    {"type": "content_block_start", "index": 0, "content_block": {"type": 1}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "f"}},
    {"type": "content_block_delta", "index": 0},
    {"type": "content_block_delta", "index": 0, "delta": []},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}},
    {"type": "content_block_delta", "index": 9, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_delta", "index": {}, "delta": {"type": "text_delta", "text": "x"}},
)


@pytest.mark.parametrize("chunk", BAD, ids=lambda chunk: json.dumps(chunk)[:60])
async def test_wrong_shapes_are_parsing_errors(chunk: Any) -> None:
    got = await streamed(wire.start(), json.dumps(chunk), *wire.end())
    assert type(got.error) is AgentParsingError


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"content": None},
        {"content": [1]},
        {"content": [{"type": "text", "text": []}]},
        {"content": [{"type": "text", "text": "x", "citations": 3}]},
        {"content": [{"type": "tool_use", "id": "a"}]},
        {"content": [{"type": "thinking", "thinking": {}}]},
    ],
    ids=json.dumps,
)
async def test_wrong_bodies_are_parsing_errors(body: Any) -> None:
    got = await play(model(), json.dumps(body).encode(), streaming=False)
    assert type(got.error) is AgentParsingError


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_damaged_streams_leave_only_typed_errors(data: st.DataObject) -> None:
    """Any value in any place of a stream: an answer, or an error of the tree."""
    chunks = json.loads(json.dumps(wire.STREAM))
    place = chunks[data.draw(st.integers(0, len(chunks) - 1))]
    for _ in range(data.draw(st.integers(0, 2))):
        inner = [value for value in place.values() if isinstance(value, dict) and value]
        if inner:
            place = data.draw(st.sampled_from(inner))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    got = await streamed(*(json.dumps(chunk) for chunk in chunks))
    if got.error is None:
        assert isinstance(got.events[-1], ResponseDone)
    else:
        assert isinstance(got.error, LamellaError)


def test_payloads_are_kept_as_they_came() -> None:
    decoder = MessagesDecoder("anthropic")
    events = [event for chunk in wire.STREAM for event in decoder.feed(chunk)]
    done = [*events, *decoder.finish()][-1]
    assert decoder.complete
    assert isinstance(done, ResponseDone)
    assert done.raw == list(wire.STREAM)
    assert all(event.raw_event in wire.STREAM for event in events)


def test_state_is_the_issuers() -> None:
    decoder = MessagesDecoder("gw.example")
    events = list(decoder.whole(wire.WHOLE))
    blocks = [event.block() for event in events if hasattr(event, "block") and callable(event.block)]
    assert {issuer for block in blocks for issuer in block.opaque} == {"gw.example"}
    work = [event.block for event in events if isinstance(event, OtherEvent)]
    assert {block.provider for block in work if block is not None} == {"gw.example"}
