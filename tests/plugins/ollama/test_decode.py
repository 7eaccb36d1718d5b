"""Reading ``/api/chat``: goldens, stop reasons, usage, errors, and lines that are wrong."""

from __future__ import annotations

import json
import random
from typing import Any

import attrs
import pytest
from wire_player import Played, play

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock
from lamella.errors import (
    AgentParsingError,
    AuthenticationError,
    InvalidRequestError,
    LamellaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import Event, OtherEvent, ResponseDone, ToolCallDelta, ToolCallDone
from lamella.messages import Message
from lamella.models import Completion, ModelRequest
from lamella_ollama import ChatOllama
from lamella_ollama.decode import OllamaDecoder

METRICS = {
    "total_duration": 30,
    "load_duration": 1,
    "prompt_eval_count": 7,
    "prompt_eval_duration": 10,
    "eval_count": 5,
    "eval_duration": 19,
}


def line(message: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "", **(message or {})}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": said, "done": False, **fields}


def last(message: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return line(message, **{"done": True, "done_reason": "stop", **METRICS, **fields})


def wire_call(name: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **fields}


STREAM = (
    line({"thinking": "h"}),
    line({"thinking": "m ö"}),
    line({"content": "Grüße "}),
    line({"content": "🌍\u2028\u0085"}),
    line({"tool_calls": [wire_call("weather", {"city": "Rome"}, id="call_a")]}),
    line({"tool_calls": [{"id": "call_b", "function": {"index": 1, "name": "add", "arguments": {"a": 1}}}]}),
    last(),
)
WHOLE = last(
    {
        "thinking": "hm ö",
        "content": "Grüße 🌍\u2028\u0085",
        "tool_calls": [
            wire_call("weather", {"city": "Rome"}, id="call_a"),
            {"id": "call_b", "function": {"index": 1, "name": "add", "arguments": {"a": 1}}},
        ],
    }
)


def ndjson(*lines: Any) -> bytes:
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in lines)


def model() -> ChatOllama:
    return ChatOllama("m", max_retries=0)


async def read(*lines: Any) -> Completion:
    return result(await play(model(), ndjson(*lines)))


async def read_whole(body: Any) -> Completion:
    return result(await play(model(), json.dumps(body).encode(), streaming=False))


def result(got: Played) -> Completion:
    if got.error is not None:
        raise got.error
    assert got.completion is not None
    return got.completion


def shape(completion: Completion) -> Any:
    """Everything but the payloads, which differ between a stream and a whole."""
    message = None if completion.message is None else attrs.evolve(completion.message, raw=None)
    return attrs.evolve(
        completion, message=message, usage=attrs.evolve(completion.usage) if completion.usage else None
    )


async def test_golden() -> None:
    """F-N36, F-OLL01: thinking, text with line separators inside, calls, usage."""
    got = await play(model(), ndjson(*STREAM))
    assert [event.type for event in got.events] == [
        "attempt.start",
        *["reasoning.delta"] * 2,
        *["message.output.delta"] * 2,
        *["tool.call.delta"] * 2,
        "reasoning.done",
        "message.output.done",
        "tool.call.done",
        "tool.call.done",
        "attempt.commit",
        "response.done",
    ]
    done = [event for event in got.events if isinstance(event, ToolCallDone)]
    assert [(event.call_id, event.name, event.output) for event in done] == [
        ("call_a", "weather", {"city": "Rome"}),
        ("call_b", "add", {"a": 1}),
    ]
    assert done[1].opaque == {"ollama": {"function": {"index": 1}}}
    deltas = [event for event in got.events if isinstance(event, ToolCallDelta)]
    assert [event.delta for event in deltas] == ['{"city": "Rome"}', '{"a": 1}']
    ended = got.events[-1]
    assert isinstance(ended, ResponseDone)
    assert (ended.stop_reason, ended.raw_stop_reason, ended.model) == ("tool_use", "stop", "m")
    assert ended.raw == list(STREAM)
    completion = result(got)
    assert completion.content == "Grüße 🌍\u2028\u0085"
    assert completion.reasoning == (ReasoningBlock(text="hm ö", provider="ollama"),)


async def test_f_n23_streamed_equals_unstreamed() -> None:
    """F-N23: message, usage, stop reason."""
    assert shape(await read(*STREAM)) == shape(await read_whole(WHOLE))


async def test_streams_read_the_same_however_they_are_cut() -> None:
    body = ndjson(*STREAM)
    whole = await play(model(), body)
    for seed in range(20):
        pieces = await play(model(), body, sizes=random.Random(seed))
        assert pieces.events == whole.events


async def test_a_stream_cut_anywhere_is_interrupted_with_its_text() -> None:
    """F-N06: only ``done: true`` completes it."""
    body = ndjson(line({"content": "Hel"}), line({"content": "lo"}), last())
    whole = body.rstrip(b"\n")
    for cut in range(len(whole)):
        got = await play(model(), body[:cut])
        assert isinstance(got.error, StreamInterruptedError), cut
        assert got.error.partial is None or "Hello".startswith(got.error.partial.content)
    assert result(await play(model(), whole)).content == "Hello"  # the line end is not needed


async def test_what_follows_the_end_is_not_read() -> None:
    assert (await read(line({"content": "a"}), last(), line({"content": "b"}))).content == "a"


@pytest.mark.parametrize(
    ("reason", "calls", "stop"),
    [
        ("stop", False, "end_turn"),
        ("stop", True, "tool_use"),
        ("length", False, "max_tokens"),
        ("length", True, "max_tokens"),
        ("load", False, "other"),
        ("unload", False, "other"),
        ("new", False, "other"),
        (None, False, "end_turn"),
        (None, True, "tool_use"),
    ],
)
async def test_stop_reasons(reason: str | None, calls: bool, stop: str) -> None:
    message = {"content": "x", "tool_calls": [wire_call("t", {})] if calls else None}
    for completion in (
        await read(line(message), last(done_reason=reason)),
        await read_whole(last(message, done_reason=reason)),
    ):
        assert (completion.stop_reason, completion.raw_stop_reason) == (stop, reason)


async def test_calls_in_the_last_line_count() -> None:
    completion = await read(line({"content": "x"}), last({"tool_calls": [wire_call("t", {"a": 1})]}))
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [("t", {"a": 1})]
    assert completion.stop_reason == "tool_use"


async def test_f_oll01_call_ids_never_repeat() -> None:
    """F-OLL01: ids are made where none came, and where one came twice; also across responses."""
    lines = (
        line({"tool_calls": [wire_call("t", {}), wire_call("t", {})]}),
        line(
            {
                "tool_calls": [
                    wire_call("t", {}, id=""),
                    wire_call("t", {}, id="x"),
                    wire_call("t", {}, id="x"),
                ]
            }
        ),
        last(),
    )
    ids = [call.call_id for _ in range(3) for call in (await read(*lines)).tool_calls]
    assert len(ids) == 15
    assert len(set(ids) - {"x"}) == 12
    assert ids.count("x") == 3  # the server's own, once in each response


@pytest.mark.parametrize(
    ("arguments", "text", "parsed"),
    [
        ({"a": "ü"}, '{"a": "ü"}', {"a": "ü"}),
        ({}, "{}", {}),
        (None, "", {}),
        ('{"a": 1}', '{"a": 1}', {"a": 1}),
        ("{broken", "{broken", None),
        ([1], "[1]", None),
    ],
)
async def test_arguments(arguments: Any, text: str, parsed: Any) -> None:
    (call,) = (await read(line({"tool_calls": [wire_call("t", arguments)]}), last())).tool_calls
    assert (call.arguments_json, call.arguments) == (text, parsed)


async def test_f_oll01_eval_counts_are_the_usage() -> None:
    """F-OLL01: the counts, with the durations in ``raw``; what is not said is not 0."""
    usage = (await read(last({"content": "x"}))).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 5, None)
    assert (usage.reasoning_tokens, usage.cached_read_tokens, usage.resolved_total_tokens) == (None, None, 12)
    assert usage.raw == METRICS
    assert usage.cost("m", "ollama") is not None
    ended = {name: value for name, value in last({"content": "x"}).items() if name != "prompt_eval_count"}
    cached = (await read(ended)).usage
    assert cached is not None
    assert (cached.input_tokens, cached.output_tokens) == (None, 5)
    bare = line({"content": "x"}, done=True)
    assert (await read(bare)).usage is None
    odd = (await read(last({"content": "x"}, prompt_eval_count=-1, eval_count="many"))).usage
    assert odd is not None
    assert (odd.input_tokens, odd.output_tokens) == (0, None)


async def test_logprobs_stay_with_the_text() -> None:
    first, second = {"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -0.2}
    streamed = await read(
        line({"content": "a"}, logprobs=[first]), line({"content": "b"}, logprobs=[second]), last()
    )
    whole = await read_whole(last({"content": "ab"}, logprobs=[first, second]))
    for completion in (streamed, whole):
        assert completion.message is not None
        (block,) = completion.message.content
        assert isinstance(block, TextBlock)
        assert block.logprobs == (first, second)


async def test_unknown_fields_of_a_message_are_kept_and_go_back() -> None:
    """F-N37: byte for byte, in their place; streamed as unstreamed."""
    streamed = await read(
        line({"content": "a", "images": ["AA=="], "note": "x", "none": None}), last({"images": ["BB=="]})
    )
    whole = await read_whole(last({"content": "a", "images": ["AA==", "BB=="], "note": "x"}))
    assert shape(streamed) == shape(whole)
    assert streamed.message is not None
    assert streamed.message.content[1] == OpaqueContent(
        type="ollama.message", provider="ollama", data={"item": {"images": ["AA==", "BB=="], "note": "x"}}
    )
    history = ModelRequest(messages=(Message.user("q"), streamed.message))
    assert ChatOllama().encode(history)["messages"][1] == {
        "images": ["AA==", "BB=="],
        "note": "x",
        "role": "assistant",
        "content": "a",
    }
    elsewhere = ChatOllama(base_url="http://gpu.example:11434")
    assert elsewhere.encode(history)["messages"][1] == {"role": "assistant", "content": "a"}


async def test_f_n36_thinking_alone_is_an_answer() -> None:
    """F-N36: nothing but thinking, and nothing at all."""
    completion = await read(line({"thinking": "hm"}), last(done_reason="length"))
    assert (completion.content, completion.stop_reason) == ("", "max_tokens")
    assert completion.reasoning[0].text == "hm"
    assert (await read(last(done_reason="load"))).message is None


async def test_unknown_lines_are_events() -> None:
    got = await play(model(), ndjson({"status": "loading model"}, {"x": 1}, last({"content": "a"})))
    others = [event for event in got.events if isinstance(event, OtherEvent)]
    assert [(event.name, event.raw_event) for event in others] == [
        ("loading model", {"status": "loading model"}),
        ("line", {"x": 1}),
    ]
    assert result(got).content == "a"


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cls", "retryable"),
    [
        ("an error was encountered while running the model: CUDA error", ServerError, True),
        ("error parsing tool call: raw='{', err=invalid character", ServerError, True),
        ("unauthorized", AuthenticationError, False),
        ("you have reached your weekly usage limit, upgrade for more", RateLimitError, False),
        ("too many requests", RateLimitError, True),
        ("the input length exceeds the context length", InvalidRequestError, False),
        ('"m" does not support thinking', InvalidRequestError, False),
        ("model 'm:1' not found", InvalidRequestError, False),
        ({"message": "busy", "code": "x"}, ServerError, True),
        (7, ServerError, True),
        ("", ServerError, True),
    ],
)
async def test_f_prv02_errors_in_a_stream_are_typed(
    error: Any, cls: type[LamellaError], retryable: bool
) -> None:
    """F-PRV02, F-N05: with the text so far."""
    got = await play(model(), ndjson(line({"content": "Hel"}), {"error": error}, last()))
    assert type(got.error) is cls
    assert got.error.retryable is retryable
    assert got.error.partial.content == "Hel"
    if isinstance(error, str):
        assert error in got.error.message
    whole = await play(model(), json.dumps({"error": error}).encode(), streaming=False)
    assert type(whole.error) is cls


async def test_a_missing_model_says_how_to_get_it() -> None:
    got = await play(model(), ndjson({"error": "model 'qwen3:4b' not found, try pulling it first"}))
    assert got.error is not None
    assert got.error.message.endswith("ollama pull qwen3:4b")


WRONG: tuple[Any, ...] = (
    [],
    "text",
    7,
    None,
    {"message": [], "done": True},
    {"message": "hi", "done": False},
    line({"content": 7}),
    line({"content": ["a"]}),
    line({"thinking": {}}),
    line({"tool_calls": {}}),
    line({"tool_calls": ["x"]}),
    line({"tool_calls": [{}]}),
    line({"tool_calls": [{"function": "f"}]}),
    line({"tool_calls": [{"function": {"arguments": {}}}]}),
    line({"tool_calls": [{"function": {"name": "", "arguments": {}}}]}),
    last(logprobs=7),
)


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
async def test_lines_of_the_wrong_shape_are_parsing_errors(wrong: Any) -> None:
    """Said by the decoder itself, not by whatever it stumbles over."""
    with pytest.raises(AgentParsingError):
        OllamaDecoder("ollama").feed(wrong)
    with pytest.raises(AgentParsingError):
        OllamaDecoder("ollama").whole(wrong)
    got = await play(model(), ndjson(line({"content": "a"}), wrong, last()))
    assert type(got.error) is AgentParsingError


@pytest.mark.parametrize("text", [b"{\n", b"oops\n", b'{"message": \n'])
async def test_lines_that_are_no_json_are_parsing_errors(text: bytes) -> None:
    got = await play(model(), ndjson(line({"content": "a"})) + text + ndjson(last()))
    assert type(got.error) is AgentParsingError


async def test_a_whole_answer_must_be_done() -> None:
    got = await play(model(), json.dumps(line({"content": "a"})).encode(), streaming=False)
    assert isinstance(got.error, StreamInterruptedError)
    empty = await play(model(), b"{}", streaming=False)
    assert type(empty.error) is AgentParsingError


def test_a_decoder_is_complete_with_the_last_line_or_an_error() -> None:
    for ending in (last(), {"error": "x"}):
        decoder = OllamaDecoder("ollama")
        decoder.feed(line({"content": "a"}))
        assert not decoder.complete
        decoder.feed(ending)
        assert decoder.complete


async def test_raw_events_are_the_lines() -> None:
    got = await play(model(), ndjson(*STREAM))
    events: list[Event] = [event for event in got.events if event.raw_event is not None]
    assert len(events) == len(got.events) - 2
    assert all(event.raw_event in STREAM for event in events)
