"""Completions, streamed and whole: content of every form, calls of every form, and how it ends."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from wire_player import Played, play

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.errors import AgentParsingError, RateLimitError, ServerError, StreamInterruptedError
from lamella.events import MessageOutputDelta, OtherEvent, ReasoningDelta, ReasoningDone, ResponseDone
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_mistral import ChatMistral

USAGE = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}


def model() -> ChatMistral:
    return ChatMistral("m", api_key="test-key-123456", max_retries=0)


def chunk(content: Any = None, finish: str | None = None, calls: Any = None, **extra: Any) -> dict[str, Any]:
    delta = {"content": content} if content is not None else {}
    if calls is not None:
        delta["tool_calls"] = calls
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [choice],
        "p": "ab",
        **extra,
    }


def stream_of(*chunks: Any) -> bytes:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks).encode() + b"data: [DONE]\n\n"


def whole_of(content: Any, finish: str = "stop", calls: Any = None, **extra: Any) -> bytes:
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE}
    return json.dumps({**body, **extra}).encode()


async def streamed(*chunks: Any, **fields: Any) -> Played:
    return await play(model(), stream_of(*chunks), **fields)


async def blocks_of(got: Played) -> tuple[Block, ...]:
    assert got.error is None
    assert got.completion is not None
    assert got.completion.message is not None
    content: tuple[Block, ...] = got.completion.message.content
    return content


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def think(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [text(value)], **more}


REFERENCE = {"type": "reference", "reference_ids": [0, "b"]}
TOOL_REFERENCE = {"type": "tool_reference", "tool": "web_search", "title": "t", "url": "https://x"}
RESOURCE = {"type": "resource", "uri": "mem://1", "content": text("r")}


# -- content --------------------------------------------------------------------------------------


async def test_f_n36_thinking_then_text_in_one_delta() -> None:
    """F-N36: list, list with both, then text; ``closed`` on a piece ends nothing."""
    got = await streamed(
        chunk(""),
        chunk([think("Let")]),
        chunk([think(" me", closed=True)]),
        chunk([think(" see", closed=True), text("1")]),
        chunk("44", "stop", usage=USAGE),
    )
    assert [event.delta for event in got.events if isinstance(event, ReasoningDelta)] == [
        "Let",
        " me",
        " see",
    ]
    assert [event.delta for event in got.events if isinstance(event, MessageOutputDelta)] == ["1", "44"]
    reasoning, said = await blocks_of(got)
    assert isinstance(reasoning, ReasoningBlock)
    assert (reasoning.text, reasoning.provider) == ("Let me see", "mistral")
    assert reasoning.opaque == {"mistral": {"rest": {"closed": True}}}
    assert said == TextBlock(text="144")
    kinds = [type(event) for event in got.events]
    assert kinds.index(ReasoningDone) < kinds.index(MessageOutputDelta)


CONTENTS: dict[str, list[Any]] = {
    "text": [text("Hello")],
    "thinking": [think("a", closed=True), text("b")],
    "signed thinking twice": [think("a", signature="s1"), think("b", signature="s2"), text("c")],
    "thinking after text": [text("a"), think("b", closed=True), text("c")],
    "references": [text("Paris"), REFERENCE, text(" it is"), {**REFERENCE, "reference_ids": [1]}],
    "only a reference": [REFERENCE, think("x")],
    "thinking with references": [
        {"type": "thinking", "thinking": [text("a"), TOOL_REFERENCE, text("b")], "closed": False},
        text("c"),
    ],
    "resource": [text("a"), RESOURCE, text("b")],
    "unknown": [{"type": "hologram", "beam": [1, {"x": None}]}, text("b")],
    "unknown fields": [{**text("a"), "mark": 1}],
    "empty thinking": [{"type": "thinking", "thinking": [], "signature": "s"}, text("a")],
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
async def test_f_n23_streamed_equals_whole_and_goes_back_as_it_came(content: list[Any]) -> None:
    """F-N23, F-N36, F-N37: message, usage and stop reason; each chunk is replayed in its place."""
    one_by_one = [chunk([part]) for part in content]
    stream = await streamed(*one_by_one, chunk("", "stop", usage=USAGE))
    at_once = await streamed(chunk(content, "stop", usage=USAGE))
    whole = await play(model(), whole_of(content), streaming=False)
    assert await blocks_of(stream) == await blocks_of(whole) == await blocks_of(at_once)
    results = [got.completion for got in (stream, at_once, whole)]
    assert len({(each.usage, each.stop_reason, each.model) for each in results if each is not None}) == 1
    blocks = await blocks_of(stream)
    request = ModelRequest.of([Message.user("a"), Message.assistant(list(blocks)), Message.user("b")])
    report = model().report(request)
    sent = model().encode(request, report)["messages"][1]["content"]
    assert sent == content or [text(sent)] == content
    assert report.losses == []


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
async def test_nothing_of_it_goes_to_another_issuer(content: list[Any]) -> None:
    """F-N37: chunks without a common form are dropped with a reason, references stay annotations."""
    got = await play(model(), whole_of(content), streaming=False)
    blocks = list(await blocks_of(got))
    other = ChatMistral("m", api_key="k", base_url="https://gate.example")
    request = ModelRequest.of([Message.user("a"), Message.assistant([*blocks, "end"]), Message.user("b")])
    report = other.report(request)
    sent = json.dumps(other.encode(request, report)["messages"])
    assert not re.search("signature|closed|reference|hologram|resource|thinking|mark", sent)
    fates = [
        "rewritten" if isinstance(block, TextBlock) else "dropped"
        for block in blocks
        if not isinstance(block, TextBlock) or block.annotations
    ]
    assert [loss.kind for loss in report.losses] == fates


async def test_references_are_annotations_with_their_position() -> None:
    got = await play(model(), whole_of(CONTENTS["references"]), streaming=False)
    (block,) = await blocks_of(got)
    assert isinstance(block, TextBlock)
    assert block.text == "Paris it is"
    assert [(note["reference_ids"], note["position"]) for note in block.annotations] == [
        ([0, "b"], 5),
        ([1], 11),
    ]


async def test_unknown_chunks_are_kept() -> None:
    got = await play(model(), whole_of(CONTENTS["unknown"]), streaming=False)
    block = (await blocks_of(got))[0]
    assert isinstance(block, OpaqueContent)
    assert (block.type, block.provider) == ("mistral.hologram", "mistral")
    assert block.data["item"] == CONTENTS["unknown"][0]


async def test_a_stream_cut_at_every_byte_reads_the_same() -> None:
    parts = [
        chunk([think("é", closed=True)]),
        chunk([think("ü"), text("1")]),
        chunk("4", "stop", usage=USAGE),
    ]
    body = stream_of(*parts)
    expected = (await play(model(), body)).events
    for seed in range(20):
        assert (await play(model(), body, sizes=random.Random(seed))).events == expected
    ended = body.index(b'"finish_reason": "stop"') + len(b'"finish_reason": "stop"')
    for cut in range(len(body)):
        got = await play(model(), body[:cut])
        if cut < ended:
            assert isinstance(got.error, StreamInterruptedError)


async def test_logprobs_are_kept() -> None:
    first, second = {"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -0.2}
    one, two = chunk("a"), chunk("b", "stop")
    one["choices"][0]["logprobs"] = {"content": [first]}
    two["choices"][0]["logprobs"] = {"content": [second]}
    (block,) = await blocks_of(await streamed(one, two))
    assert isinstance(block, TextBlock)
    assert block.logprobs == (first, second)


# -- calls ----------------------------------------------------------------------------------------


def call(
    index: Any = 0, id: Any = "abcdefgh1", name: str = "f", arguments: Any = "{}", **more: Any
) -> dict[str, Any]:
    found = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}, **more}
    return {key: value for key, value in found.items() if value is not None}


def calls_of(got: Played) -> list[tuple[str, str]]:
    assert got.completion is not None
    return [(each.name, each.arguments_json) for each in got.completion.tool_calls]


async def test_parallel_calls_in_the_last_chunk() -> None:
    calls = [call(0), call(1, "abcdefgh2", "g", '{"a": 1}')]
    stream = await streamed(chunk(""), chunk(finish="tool_calls", calls=calls, usage=USAGE))
    whole = await play(model(), whole_of("", "tool_calls", calls), streaming=False)
    assert await blocks_of(stream) == await blocks_of(whole)
    assert calls_of(stream) == [("f", "{}"), ("g", '{"a": 1}')]
    assert stream.completion is not None
    assert stream.completion.stop_reason == "tool_use"
    assert stream.completion.usage is not None


async def test_fragments_by_index() -> None:
    got = await streamed(
        chunk(calls=[call(0, "abcdefgh1", "f", '{"a"')]),
        chunk(calls=[call(1, "abcdefgh2", "g", "{")]),
        chunk(calls=[call(0, None, "", ": 1}"), call(1, None, "", "}")]),
        chunk(finish="tool_calls"),
    )
    assert calls_of(got) == [("f", '{"a": 1}'), ("g", "{}")]
    assert got.completion is not None
    assert [each.call_id for each in got.completion.tool_calls] == ["abcdefgh1", "abcdefgh2"]


@pytest.mark.parametrize("missing", [None, "null", ""])
@pytest.mark.parametrize("index", [None, 0])
async def test_calls_without_ids_get_their_own(missing: Any, index: Any) -> None:
    calls = [call(index, missing), call(index, missing, "f", '{"a": 2}'), call(index, missing, "g")]
    for got in (
        await streamed(chunk(finish="tool_calls", calls=calls)),
        await play(model(), whole_of(None, "tool_calls", calls), streaming=False),
    ):
        assert calls_of(got) == [("f", "{}"), ("f", '{"a": 2}'), ("g", "{}")]
        assert got.completion is not None
        ids = [each.call_id for each in got.completion.tool_calls]
        assert len(set(ids)) == 3
        assert all(re.fullmatch("[a-zA-Z0-9]{9}", each) for each in ids)


async def test_repeated_ids_are_made_unique() -> None:
    calls = [call(0, "samesame1"), call(1, "samesame1", "g")]
    for got in (
        await streamed(chunk(finish="tool_calls", calls=calls)),
        await play(model(), whole_of(None, "tool_calls", calls), streaming=False),
    ):
        assert got.completion is not None
        first, second = (each.call_id for each in got.completion.tool_calls)
        assert first == "samesame1" != second


async def test_arguments_as_an_object() -> None:
    got = await streamed(chunk(finish="tool_calls", calls=[call(arguments={"città": [1]})]))
    assert calls_of(got) == [("f", '{"città": [1]}')]
    (block,) = await blocks_of(got)
    assert isinstance(block, ToolCallBlock)
    assert block.arguments == {"città": [1]}


async def test_malformed_arguments_never_become_an_empty_object() -> None:
    got = await streamed(chunk(finish="tool_calls", calls=[call(arguments='{"a": ')]))
    (block,) = await blocks_of(got)
    assert isinstance(block, ToolCallBlock)
    assert (block.arguments_json, block.arguments) == ('{"a": ', None)


async def test_unknown_fields_of_a_call_are_replayed() -> None:
    got = await streamed(chunk(finish="tool_calls", calls=[call(mark="m")]))
    blocks = await blocks_of(got)
    payload = model().encode(ModelRequest.of([Message.user("a"), Message.assistant(list(blocks))]))
    assert payload["messages"][1]["tool_calls"][0]["mark"] == "m"


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finish", "stop"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("model_length", "max_tokens"), ("tool_calls", "tool_use"),
     ("novel", "other")],
)  # fmt: skip
async def test_stop_reasons(finish: str, stop: str) -> None:
    for got in (
        await streamed(chunk("a", finish)),
        await play(model(), whole_of("a", finish), streaming=False),
    ):
        done = got.events[-1]
        assert isinstance(done, ResponseDone)
        assert (done.stop_reason, done.raw_stop_reason, done.response_id) == (stop, finish, "c1")


async def test_a_forced_call_ends_with_tool_use() -> None:
    got = await streamed(chunk(finish="stop", calls=[call()]))
    assert got.completion is not None
    assert got.completion.stop_reason == "tool_use"


async def test_a_finish_reason_of_error_is_an_error() -> None:
    for got in (
        await streamed(chunk("a", "error")),
        await play(model(), whole_of("a", "error"), streaming=False),
    ):
        assert type(got.error) is ServerError


@pytest.mark.parametrize("body", [b"", b"data: [DONE]\n\n", stream_of(chunk("a"), chunk("b"))])
async def test_a_stream_without_a_finish_reason_is_interrupted(body: bytes) -> None:
    got = await play(model(), body)
    assert type(got.error) is StreamInterruptedError
    if b"choices" in body:
        assert got.error.partial is not None
        assert got.error.partial.content == "ab"


async def test_an_error_in_mid_stream_is_typed_and_keeps_the_partial() -> None:
    """F-PRV02: and it does not repeat the key."""
    told = {
        "object": "error",
        "message": "too much of test-key-123456",
        "type": "rate_limited",
        "code": "1300",
    }
    got = await streamed(chunk("a"), told, chunk("b", "stop"))
    assert type(got.error) is RateLimitError
    assert got.error.partial is not None
    assert got.error.partial.content == "a"
    assert got.error.context["code"] == "1300"
    assert "test-key-123456" not in str(got.error)


@pytest.mark.parametrize(
    "odd",
    [
        [],
        "text",
        None,
        {"choices": {"a": 1}},
        {"choices": ["a"]},
        {"choices": [{"index": 0, "delta": ["a"]}]},
        chunk(7),
        chunk([7]),
        chunk([{"type": "text"}]),
        chunk([{"type": "thinking", "thinking": 7}]),
        chunk([{"type": "thinking", "thinking": ["a"]}]),
        chunk(calls={"a": 1}),
        chunk(calls=["a"]),
        chunk(calls=[{"id": "a"}]),
        chunk(calls=[{"id": "a", "function": "f"}]),
        {"choices": [{"index": 1, "delta": {"content": "a"}}]},
    ],
)
async def test_odd_chunks_are_parsing_errors(odd: Any) -> None:
    got = await streamed(chunk("a"), odd, chunk("b", "stop"))
    assert type(got.error) is AgentParsingError


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"a"', b"{}", b'{"choices": []}', b'{"choices": [{"message": [1], "finish_reason": "stop"}]}',
     b'{"choices": [{"message": {"content": {"a": 1}}, "finish_reason": "stop"}]}', b"<html>"],
)  # fmt: skip
async def test_odd_bodies_are_parsing_errors(body: bytes) -> None:
    got = await play(model(), body, streaming=False)
    assert type(got.error) is AgentParsingError


async def test_unknown_chunks_are_other_events() -> None:
    odd = {"object": "chat.completion.novelty", "novel": [1]}
    got = await streamed(chunk("a"), odd, chunk("b", "stop"), {"choices": [], "usage": USAGE})
    assert got.completion is not None
    assert got.completion.content == "ab"
    assert got.completion.usage is not None
    (other,) = (event for event in got.events if isinstance(event, OtherEvent))
    assert (other.name, other.raw_event) == ("chat.completion.novelty", odd)


async def test_an_empty_answer_is_an_answer() -> None:
    for got in (
        await streamed(chunk("", "stop", usage=USAGE)),
        await play(model(), whole_of(""), streaming=False),
    ):
        assert got.error is None
        assert got.completion is not None
        assert got.completion.message is None
        assert got.completion.content == ""
