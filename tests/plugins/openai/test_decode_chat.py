"""Reading Chat Completions: goldens, stop reasons, and the traps of compatible servers."""

from __future__ import annotations

import base64
from typing import Any

import attrs
import pytest
from openai_wires import CHAT_STREAM, CHAT_USAGE, chunk, completion, fragment, sse
from wire_player import play

from lamella.content import MediaContent, OpaqueContent, ReasoningBlock, TextBlock
from lamella.errors import (
    AgentParsingError,
    APIStatusError,
    InvalidRequestError,
    LamellaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import (
    Event,
    MessageOutputDelta,
    ReasoningDelta,
    ResponseDone,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.messages import Message
from lamella.models import Completion, ModelRequest, fold_response
from lamella.rendering import render_events
from lamella_openai import ChatOpenAI, ChatOpenAICompletions
from lamella_openai.decode_chat import ChatDecoder

DONE = "[DONE]"


def model() -> ChatOpenAICompletions:
    return ChatOpenAICompletions("m", api_key="sk-x", max_retries=0)


async def events_of(*chunks: Any) -> list[Event]:
    got = await play(model(), sse(*chunks))
    if got.error is not None:
        raise got.error
    return got.events


async def read(*chunks: Any) -> Completion:
    got = await play(model(), sse(*chunks))
    if got.error is not None:
        raise got.error
    assert got.completion is not None
    return got.completion


def calls(found: Completion) -> list[tuple[str, str]]:
    return [(call.name, call.arguments_json) for call in found.tool_calls]


async def test_golden() -> None:
    """F-EVT02, F-EVT03, F-EVT04, F-EVT05, F-EVT14, F-EVT15: reasoning, text, interleaved calls, usage."""
    events = await events_of(*CHAT_STREAM)
    kinds = [event.type for event in events]
    assert kinds == [
        "attempt.start",
        *["reasoning.delta"] * 2,
        *["message.output.delta"] * 2,
        *["tool.call.delta"] * 5,
        "reasoning.done",
        "message.output.done",
        "tool.call.done",
        "tool.call.done",
        "attempt.commit",
        "response.done",
    ]
    deltas = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [(event.call_id, event.name, event.delta) for event in deltas] == [
        ("call_a", "weather", ""),
        ("call_a", "weather", '{"city": "R'),
        ("call_b", "add", '{"a":'),
        ("call_a", "weather", 'ome"}'),
        ("call_b", "add", " 1}"),
    ]
    done = [event for event in events if isinstance(event, ToolCallDone)]
    assert [(event.call_id, event.output) for event in done] == [
        ("call_a", {"city": "Rome"}),
        ("call_b", {"a": 1}),
    ]
    last = events[-1]
    assert isinstance(last, ResponseDone)
    assert (last.stop_reason, last.raw_stop_reason, last.response_id, last.model) == (
        "tool_use",
        "tool_calls",
        "c1",
        "m",
    )
    assert last.token_usage is not None
    assert last.token_usage.input_tokens == 70
    assert last.raw == list(CHAT_STREAM[:-1])
    text = next(event for event in events if isinstance(event, MessageOutputDelta))
    assert text.raw_event == CHAT_STREAM[3]


async def test_f_evt11_rendering_golden() -> None:
    """F-EVT11, F-N04: two parallel calls."""
    events = await events_of(
        chunk({"role": "assistant", "content": "Hello Ryan! "}),
        chunk({"content": "5 multiplied by 7 is 35."}),
        chunk({"tool_calls": [fragment(0, "", "c0", "multiply")]}),
        chunk({"tool_calls": [fragment(0, '{"a": 5, "b": 7}')]}),
        chunk({"tool_calls": [fragment(1, "", "c1", "multiply")]}),
        chunk({"tool_calls": [fragment(1, '{"a": 8, "b": 101}')]}),
        chunk(finish="tool_calls"),
        DONE,
    )
    assert "".join(render_events(events)) == (
        'Hello Ryan! 5 multiplied by 7 is 35.\n\nmultiply({"a": 5, "b": 7})\nmultiply({"a": 8, "b": 101})\n'
    )


# -- stop reasons ---------------------------------------------------------------------------------

CALLED = {"tool_calls": [fragment(0, "{}", "c1", "f")]}


@pytest.mark.parametrize(
    ("delta", "finish", "stop"),
    [
        ({"content": "a"}, "stop", "end_turn"),
        (CALLED, "tool_calls", "tool_use"),
        ({"function_call": {"name": "f", "arguments": "{}"}}, "function_call", "tool_use"),
        (CALLED, "stop", "tool_use"),
        ({"content": "a"}, "length", "max_tokens"),
        (CALLED, "length", "max_tokens"),
        ({"content": "a"}, "content_filter", "content_filter"),
        ({"refusal": "no"}, "stop", "refusal"),
        ({"refusal": "no"}, "content_filter", "refusal"),
        ({"content": "a"}, "eos_token", "other"),
    ],
)
async def test_f_loop11_stop_reasons(delta: dict[str, Any], finish: str, stop: str) -> None:
    """F-LOOP11, W4, F-N02: a forced call ends with ``stop``; the raw value is kept; streamed as not."""
    found = await read(chunk({**delta}, finish), DONE)
    assert (found.stop_reason, found.raw_stop_reason) == (stop, finish)
    whole = ChatDecoder("openai").whole(completion(delta, finish))[-1]
    assert isinstance(whole, ResponseDone)
    assert (whole.stop_reason, whole.raw_stop_reason) == (stop, finish)


async def test_f_n05_a_refusal_is_text_that_goes_back_as_a_refusal() -> None:
    """F-N05."""
    found = await read(chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk(finish="stop"), DONE)
    assert (found.content, found.stop_reason) == ("I won't", "refusal")
    assert found.message is not None
    sent = model().encode(ModelRequest(messages=(Message.user("x"), found.message)))["messages"][1]
    assert sent == {"role": "assistant", "content": None, "refusal": "I won't"}


async def test_f_evt14_nothing_is_no_message() -> None:
    """F-EVT14."""
    found = await read(chunk({"role": "assistant", "content": None}), chunk(finish="content_filter"), DONE)
    assert (found.message, found.content, found.stop_reason) == (None, "", "content_filter")


# -- chunks ---------------------------------------------------------------------------------------


async def test_f_evt12_the_usage_chunk() -> None:
    """F-EVT12: no delta; kept in raw; gives its usage."""
    usage = {"id": "c1", "choices": [], "usage": CHAT_USAGE}
    events = await events_of(chunk({"content": "a"}), chunk(finish="stop", usage=None), usage, DONE)
    last = events[-1]
    assert isinstance(last, ResponseDone)
    assert last.raw is not None
    assert last.raw[-1] == usage
    assert last.token_usage is not None
    assert last.token_usage.raw == CHAT_USAGE
    assert sum(isinstance(event, MessageOutputDelta) for event in events) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        [{**chunk({"content": "a"}), "choices": [chunk({"content": "a"})["choices"][0]] * 2}],
        [chunk({"content": "a"}), {**chunk(), "choices": [{"index": 1, "delta": {"content": "b"}}]}],
    ],
)
async def test_f_evt12_several_choices_are_an_error(chunks: list[Any]) -> None:
    """F-EVT12: in one chunk or interleaved, and in one piece."""
    with pytest.raises(AgentParsingError, match="choices"):
        await read(*chunks, chunk(finish="stop"), DONE)
    whole = completion({"content": "a"}, "stop")
    with pytest.raises(AgentParsingError, match="choices"):
        ChatDecoder("openai").whole({**whole, "choices": whole["choices"] * 2})


async def test_usage_on_every_chunk_counts_once_and_the_last_counts() -> None:
    """F-N23."""
    first = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    last = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = await events_of(
        chunk({"content": "a"}, usage=first), chunk({"content": "b"}, "stop", usage=last), DONE
    )
    seen = [event.token_usage.total_tokens for event in events if event.token_usage is not None]
    assert seen == [4, 5, 5]


async def test_usage_of_groq_beside_the_choices() -> None:
    found = await read(chunk({"content": "a"}), chunk(finish="stop", x_groq={"usage": CHAT_USAGE}), DONE)
    assert found.usage is not None
    assert found.usage.total_tokens == 180


async def test_f_n01_null_content_hides_nothing() -> None:
    """F-N01."""
    pieces = [None, "a", None, "", "b", None]
    found = await read(*(chunk({"content": piece}) for piece in pieces), chunk(finish="stop"), DONE)
    assert found.content == "ab"


async def test_f_n02_everything_in_one_chunk() -> None:
    """F-N02, F-EVT15: reasoning, text, call and finish."""
    events = await events_of(
        chunk({"role": "assistant", "reasoning": "hm", "content": "a", **CALLED}, "tool_calls"), DONE
    )
    kinds = [type(event) for event in events if not event.durable]
    assert kinds == [ReasoningDelta, MessageOutputDelta, ToolCallDelta]


async def test_f_oai06_logprobs_come_back() -> None:
    """F-OAI06: joined over the stream, as in one piece."""
    entries: list[dict[str, Any]] = [
        {"token": token, "logprob": -0.1, "bytes": None, "top_logprobs": []} for token in "ab"
    ]
    chunks = [chunk({"content": entry["token"]}) for entry in entries]
    for one, entry in zip(chunks, entries, strict=True):
        one["choices"][0]["logprobs"] = {"content": [entry], "refusal": None}
    streamed = await read(*chunks, chunk(finish="stop"), DONE)
    whole = ChatDecoder("openai").whole(
        completion({"content": "ab"}, "stop", logprobs={"content": entries, "refusal": None})
    )
    assert streamed.message is not None
    block = streamed.message.content[0]
    assert isinstance(block, TextBlock)
    assert list(block.logprobs or ()) == entries
    assert whole[0].block() == block  # type: ignore[attr-defined]


async def test_annotations() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://x.example"}}
    found = await read(chunk({"content": "a"}), chunk({"annotations": [note]}), chunk(finish="stop"), DONE)
    assert found.message is not None
    own = {"openai": {"chat": {}}}  # whose they are: no other wire of the issuer takes them as they are
    assert found.message.content[0] == TextBlock(text="a", annotations=[note], opaque=own)


async def test_content_parts_of_some_servers() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "hologram"}, {"type": "text", "text": "b"}]
    events = await events_of(chunk({"content": parts}), chunk(finish="stop"), DONE)
    assert [event.name for event in events if event.type == "other.event"] == ["content.hologram"]  # type: ignore[attr-defined]
    assert "".join(event.delta for event in events if isinstance(event, MessageOutputDelta)) == "ab"


SPEECH = [
    chunk({"audio": {"id": "a1"}}),
    chunk({"audio": {"transcript": "hel"}}),
    chunk({"audio": {"data": "QUI="}}),
    chunk({"audio": {"transcript": "lo", "data": "Qw=="}}),
    chunk({"audio": {"expires_at": 7}}, "stop"),
]


async def test_speech_is_audio_with_its_transcript() -> None:
    found = await read(*SPEECH, DONE)
    assert found.content == "hello"
    assert found.message is not None
    text, sound = found.message.content
    assert isinstance(sound, MediaContent)
    assert (text.type, sound.type, sound.data, sound.alt) == ("text", "audio", b"ABC", "hello")
    assert sound.mime_type == "audio/pcm;rate=24000"
    history = ModelRequest(messages=(Message.user("x"), found.message))
    sent = model().encode(history)["messages"][1]
    assert sent == {"role": "assistant", "content": None, "audio": {"id": "a1"}}


async def test_speech_shows_its_format_where_it_has_one() -> None:
    wav = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0"
    data = base64.b64encode(wav).decode()
    found = await read(chunk({"audio": {"id": "a1", "data": data, "transcript": "x"}}, "stop"), DONE)
    assert found.message is not None
    sound = found.message.content[-1]
    assert isinstance(sound, MediaContent)
    assert (sound.mime_type, sound.data) == ("audio/wav", wav)


async def test_speech_moves_to_others_as_its_words() -> None:
    found = await read(*SPEECH, DONE)
    assert found.message is not None
    history = ModelRequest(messages=(Message.user("x"), found.message))
    other = ChatOpenAI("m", api_key="k")
    report = other.report(history)
    sent = other.encode(history, report)["input"][1]
    assert sent["content"] == [{"type": "output_text", "text": "hello"}]
    (loss,) = report.losses
    assert (loss.kind, loss.what, loss.message, loss.block) == ("dropped", "audio", 1, 1)
    alone = Message.assistant([attrs.evolve(found.message.content[1], opaque={})])
    history = ModelRequest(messages=(Message.user("x"), alone))
    for each, read_text in (
        (other, lambda payload: payload["input"][1]["content"][0]["text"]),
        (model(), lambda payload: payload["messages"][1]["content"]),
    ):
        assert read_text(each.encode(history)) == "hello"
        plan = each.plan(history)
        assert [entry.status for entry in plan.entries] == ["native", "degraded"]


def test_speech_is_opaque_where_no_plugin_has_a_class_for_it() -> None:
    decoder = ChatDecoder("openai")
    for each in SPEECH:
        decoder.feed(each)
    found = fold_response(decoder.finish())
    assert found.message is not None
    (block,) = [block for block in found.message.content if isinstance(block, OpaqueContent)]
    assert block.data["item"] == {"id": "a1", "transcript": "hello", "data": "QUJD", "expires_at": 7}
    sent = model().encode(ModelRequest(messages=(Message.user("x"), found.message)))["messages"][1]
    assert sent == {"role": "assistant", "content": None, "audio": {"id": "a1"}}


# -- reasoning of compatible servers --------------------------------------------------------------


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("pieces", [["hm ", "ok"], [""], ["", "x", ""]])
async def test_f_x19_reasoning_round_trips(name: str, pieces: list[str]) -> None:
    """F-X19: under its name; ``""`` is kept apart from ``null`` and from nothing; not signed by anyone else."""
    found = await read(
        *(chunk({name: piece}) for piece in pieces), chunk({"content": "a", name: None}, "stop"), DONE
    )
    assert [block.text for block in found.reasoning] == ["".join(pieces)]
    assert found.reasoning[0].provider == "openai"
    assert found.message is not None
    sent = model().encode(ModelRequest(messages=(Message.user("x"), found.message)))["messages"][1]
    assert sent == {"role": "assistant", "content": "a", name: "".join(pieces)}


async def test_f_x19_no_reasoning_is_no_block() -> None:
    """F-X19."""
    found = await read(chunk({"content": "a", "reasoning_content": None}), chunk(finish="stop"), DONE)
    assert found.reasoning == ()


async def test_f_x19_reasoning_details_round_trip() -> None:
    """F-X19: pieces of one entry are joined, encrypted entries are not."""
    found = await read(
        chunk({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "a"}]}),
        chunk({"reasoning": "b", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "b"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "s"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "x"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "index": 1, "data": "y"}]}),
        chunk({"content": "a"}, "stop"),
        DONE,
    )
    assert found.message is not None
    sent = model().encode(ModelRequest(messages=(Message.user("x"), found.message)))["messages"][1]
    assert sent["reasoning"] == "ab"
    assert sent["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "s"},
        {"type": "reasoning.encrypted", "index": 1, "data": "x"},
        {"type": "reasoning.encrypted", "index": 1, "data": "y"},
    ]


async def test_reasoning_details_alone_are_kept() -> None:
    found = await read(
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}], "content": "a"}, "stop"),
        DONE,
    )
    (block,) = found.reasoning
    assert isinstance(block, ReasoningBlock)
    assert block.text is None


# -- calls of compatible servers ------------------------------------------------------------------

TWO = [("f", '{"a": 1}'), ("g", '{"b": 2}')]


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        pytest.param(
            [fragment(0, '{"a": 1}', "x", "f"), fragment(0, '{"b": 2}', "y", "g")],
            TWO,
            id="same index, new id",
        ),
        pytest.param(
            [fragment(None, '{"a": 1}', "x", "f"), fragment(None, '{"b": 2}', "y", "g")], TWO, id="no index"
        ),
        pytest.param(
            [fragment(None, '{"a": 1}', None, "f"), fragment(None, '{"b": 2}', None, "g")],
            TWO,
            id="no index, no id",
        ),
        pytest.param(
            [fragment(0, '{"a": 1}', "", "f"), fragment(0, '{"b": 2}', "", "g")],
            TWO,
            id="same index, empty id",
        ),
        pytest.param(
            [fragment(0, '{"a": 1}', None, "f"), fragment(0, '{"a": 1}', None, "f")],
            [TWO[0], TWO[0]],
            id="the same call twice",
        ),
        pytest.param(
            [fragment(0, '{"a"', "x", "f"), fragment(0, ": 1}", "x", "f"), fragment(0, "", "x", "f")],
            [TWO[0]],
            id="id and name repeated",
        ),
        pytest.param(
            [fragment(None, '{"a"', "x", "f"), fragment(None, ": 1}", "x", None)],
            [TWO[0]],
            id="no index, id repeated",
        ),
        pytest.param(
            [fragment(0, '{"a": 1}', "x", "f"), fragment(0, "", None, "f")],
            [TWO[0]],
            id="name repeated at the end",
        ),
        pytest.param(
            [fragment(0, "", "x", "get_"), fragment(0, "", None, "it"), fragment(0, "{}")],
            [("get_it", "{}")],
            id="split name",
        ),
        pytest.param([fragment(0, '{"a"', "x"), fragment(0, ": 1}", None, "f")], [TWO[0]], id="late name"),
        pytest.param([fragment(0, {"a": 1}, "x", "f")], [TWO[0]], id="arguments as object"),
        pytest.param([fragment(0, None, "x", "f")], [("f", "")], id="no arguments"),
        pytest.param([fragment(0, "", "x", "f")], [("f", "")], id="empty arguments"),
        pytest.param([fragment(0, '{"a', "x", "f")], [("f", '{"a')], id="truncated arguments"),
        pytest.param(
            [
                fragment(0, "", "x", "f"),
                fragment(1, "", "y", "g"),
                fragment(0, '{"a"'),
                fragment(1, '{"b"'),
                fragment(0, ": 1}"),
                fragment(1, ": 2}"),
            ],
            TWO,
            id="interleaved",
        ),
        pytest.param(
            [fragment(1, '{"b": 2}', "y", "g"), fragment(0, '{"a": 1}', "x", "f")], TWO, id="out of order"
        ),
        pytest.param(
            [fragment(0, '{"a": 1}', "x", "f"), fragment(1, '{"b": 2}', "x", "g")],
            TWO,
            id="one id for two calls",
        ),
    ],
)
@pytest.mark.parametrize("one_chunk", [True, False])
async def test_f_n03_calls_assemble(fragments: list[Any], expected: list[Any], one_chunk: bool) -> None:
    """F-N03, F-N04, F-N19, F-EVT04: however a server cuts calls; ids are there, and differ."""
    chunks = (
        [chunk({"tool_calls": fragments})]
        if one_chunk
        else [chunk({"tool_calls": [one]}) for one in fragments]
    )
    events = await events_of(*chunks, chunk(finish="tool_calls"), DONE)
    done = [event for event in events if isinstance(event, ToolCallDone)]
    assert [(event.name, event.arguments_json) for event in done] == expected
    ids = [event.call_id for event in done]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    deltas = [event for event in events if isinstance(event, ToolCallDelta)]
    assert {event.call_id for event in deltas} == set(ids)
    assert all(event.name for event in deltas)


async def test_f_n19_invented_ids_never_repeat() -> None:
    """F-N19."""
    seen = set()
    for _ in range(3):
        found = await read(chunk({"tool_calls": [fragment(0, "{}", None, "f")]}), chunk(finish="stop"), DONE)
        seen.add(found.tool_calls[0].call_id)
    assert len(seen) == 3


async def test_f_evt04_arguments_as_an_object_are_a_dict_delta() -> None:
    """F-EVT04."""
    events = await events_of(chunk({"tool_calls": [fragment(0, {"a": 1}, "x", "f")]}, "tool_calls"), DONE)
    (delta,) = [event for event in events if isinstance(event, ToolCallDelta)]
    assert delta.delta == {"a": 1}


async def test_f_n11_malformed_arguments_never_become_an_empty_object() -> None:
    """F-N11, F-EVT04: they stay as they came, and their parsed view is ``None``."""
    found = await read(chunk({"tool_calls": [fragment(0, '{"a": ', "x", "f")]}, "tool_calls"), DONE)
    assert found.tool_calls[0].arguments is None
    assert found.message is not None
    sent = model().encode(ModelRequest(messages=(found.message,)))["messages"][0]
    assert sent["tool_calls"][0]["function"]["arguments"] == '{"a": '


async def test_custom_calls_and_attachments_of_calls() -> None:
    custom = {"index": 0, "id": "x", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    signed = {**fragment(1, "{}", "y", "f"), "extra_content": {"google": {"thought_signature": "s"}}}
    found = await read(chunk({"tool_calls": [custom, signed]}, "tool_calls"), DONE)
    assert calls(found) == [("shell", "ls"), ("f", "{}")]
    assert found.message is not None
    sent = model().encode(ModelRequest(messages=(found.message,)))["messages"][0]
    assert sent["tool_calls"] == [
        {"id": "x", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
        {
            "id": "y",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "s"}},
        },
    ]


# -- ends and errors ------------------------------------------------------------------------------


async def test_done_may_be_missing_and_is_no_proof() -> None:
    """F-N05: the terminal marker is a ``finish_reason``."""
    assert (await read(chunk({"content": "a"}), chunk(finish="stop"))).content == "a"
    for chunks in ([chunk({"content": "a"}), DONE], [DONE], [], [chunk({"content": "a"}, "")]):
        with pytest.raises(StreamInterruptedError):
            await read(*chunks)


async def test_content_after_a_finish_reason_counts() -> None:
    found = await read(
        chunk({"content": "a"}, "tool_calls"), chunk({"content": "b"}), chunk(finish="stop"), DONE
    )
    assert (found.content, found.stop_reason) == ("ab", "end_turn")


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"message": "slow down", "code": "rate_limit_exceeded"}, RateLimitError, True),
        ({"message": "no money", "code": "insufficient_quota"}, RateLimitError, False),
        (
            {"message": "bad tool", "type": "invalid_request_error", "code": "tool_use_failed"},
            InvalidRequestError,
            False,
        ),
        ({"message": "too long", "code": "context_length_exceeded"}, InvalidRequestError, False),
        ({"message": "oops", "type": "server_error"}, ServerError, True),
        ({"message": "busy", "code": 503}, ServerError, True),
        ({"message": "busy", "code": "429"}, RateLimitError, True),
        ({"message": "odd"}, APIStatusError, False),
        ("plain words", APIStatusError, False),
    ],
)
async def test_f_n05_errors_in_the_stream(error: Any, kind: type[LamellaError], retryable: bool) -> None:
    """F-N05, F-N06: typed, with the server's words and the text so far; in one piece too."""
    for last in ({"error": error}, {**chunk(), "error": error}):
        got = await play(model(), sse(chunk({"content": "Hel"}), last, chunk({"content": "lost"}), DONE))
        assert type(got.error) is kind
        assert got.error.retryable is retryable
        assert (error if isinstance(error, str) else error["message"]) in got.error.message
        assert got.error.partial.content == "Hel"
    with pytest.raises(kind):
        ChatDecoder("openai").whole({"error": error})


@pytest.mark.parametrize("body", ["text", [], 7, {}, {"choices": []}])
def test_what_is_no_completion(body: Any) -> None:
    with pytest.raises(AgentParsingError):
        ChatDecoder("openai").whole(body)


@pytest.mark.parametrize("odd", ["text", [], 7, None])
def test_what_is_no_chunk(odd: Any) -> None:
    with pytest.raises(AgentParsingError):
        ChatDecoder("openai").feed(odd)
