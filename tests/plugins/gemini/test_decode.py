"""Answers of ``generateContent``: streams cut anywhere, whole bodies, and what is kept of them."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from wire_player import Played, play

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import (
    AgentParsingError,
    AuthenticationError,
    LamellaError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import MessageOutputDelta, OtherEvent, ReasoningDelta, ToolCallDelta
from lamella.messages import Message
from lamella.models import ModelRequest, fold_response
from lamella_gemini import ChatGemini
from lamella_gemini.decode import GenerateContentDecoder

KEY = "AIzaVerySecret0123456789"


def model(name: str = "gemini-3-flash-preview") -> ChatGemini:
    return ChatGemini(name, api_key=KEY, max_retries=0)


def chunk(*parts: Any, finish: str | None = None, **beside: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    for name in ("groundingMetadata", "citationMetadata", "logprobsResult"):
        if name in beside:
            candidate[name] = beside.pop(name)
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1", **beside}


def stream(*chunks: Any) -> bytes:
    return "".join(f"data: {json.dumps(each)}\r\n\r\n" for each in chunks).encode()


async def streamed(*chunks: Any, seed: int | None = None) -> Played:
    return await play(model(), stream(*chunks), sizes=None if seed is None else random.Random(seed))


async def whole(body: Any) -> Played:
    return await play(model(), json.dumps(body).encode(), streaming=False)


def blocks(played: Played) -> tuple[Any, ...]:
    assert played.error is None
    assert played.completion is not None
    return () if played.completion.message is None else tuple(played.completion.message.content)


def sent_back(played: Played) -> list[dict[str, Any]]:
    """The parts of the answer as they go to the server with the next turn."""
    assert played.completion is not None
    assert played.completion.message is not None
    history = (Message.user("?"), played.completion.message, Message.user("!"))
    contents = model("gemini-2.5-flash").encode(ModelRequest(messages=history))["contents"]
    parts: list[dict[str, Any]] = contents[1]["parts"]
    return parts


# -- texts and signatures -------------------------------------------------------------------------


async def test_texts_join_and_the_last_usage_counts() -> None:
    """F-N23: usage is on every chunk, and the last wins."""
    got = await streamed(
        chunk({"text": "Hel"}, usageMetadata={"promptTokenCount": 3, "totalTokenCount": 3}),
        chunk(
            {"text": "lo"}, finish="STOP", usageMetadata={"promptTokenCount": 4, "candidatesTokenCount": 2}
        ),
        {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}},
        {"usageMetadata": {"trafficType": "ON_DEMAND"}},
    )
    completion = got.completion
    assert completion is not None
    assert completion.content == "Hello"
    assert completion.usage is not None
    assert (completion.usage.input_tokens, completion.usage.total_tokens) == (5, 7)
    assert (completion.stop_reason, completion.model) == ("end_turn", "gemini-x")
    deltas = [event.delta for event in got.events if isinstance(event, MessageOutputDelta)]
    assert deltas == ["Hel", "lo"]


async def test_a_signature_on_an_empty_last_part_keeps_its_place() -> None:
    got = await streamed(
        chunk({"text": "Hel"}),
        chunk({"text": "lo"}),
        chunk({"text": "", "thoughtSignature": "U2ln"}, finish="STOP"),
    )
    (text,) = blocks(got)
    assert text.text == "Hello"
    assert sent_back(got) == [{"text": "Hello"}, {"text": "", "thoughtSignature": "U2ln"}]


async def test_signed_parts_are_not_merged_with_their_neighbours() -> None:
    parts = [{"text": "a"}, {"text": "b", "thoughtSignature": "Uw=="}, {"text": "c"}, {"text": "d"}]
    for got in (
        await streamed(*(chunk(part) for part in parts), chunk(finish="STOP")),
        await whole(chunk(*parts, finish="STOP")),
    ):
        (text,) = blocks(got)
        assert text.text == "abcd"
        assert sent_back(got) == [{"text": "a"}, {"text": "b", "thoughtSignature": "Uw=="}, {"text": "cd"}]


async def test_f_n36_thoughts_are_reasoning() -> None:
    """F-N36, F-GEM02: events and blocks, and they go back as they came, signed or not."""
    parts = [
        {"text": "I ", "thought": True},
        {"text": "think", "thought": True},
        {"text": "So:"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "Uw=="},
    ]
    got = await streamed(*(chunk(part) for part in parts), chunk(finish="STOP"))
    thought, text, call = blocks(got)
    assert isinstance(thought, ReasoningBlock)
    assert (thought.summary, thought.text, thought.provider) == ("I think", None, "gemini")
    assert [(e.delta, e.kind) for e in got.events if isinstance(e, ReasoningDelta)] == [
        ("I ", "summary"),
        ("think", "summary"),
    ]
    assert isinstance(text, TextBlock)
    assert isinstance(call, ToolCallBlock)
    assert sent_back(got) == [{"text": "I think", "thought": True}, *parts[2:]]
    signed = await whole(chunk({"text": "x", "thought": True, "thoughtSignature": "Uw=="}, finish="STOP"))
    assert blocks(signed)[0].signature == "Uw=="
    assert sent_back(signed) == [{"text": "x", "thought": True, "thoughtSignature": "Uw=="}]


async def test_a_signature_alone_is_kept() -> None:
    parts = [{"text": "", "thoughtSignature": "Uw=="}, {"text": "x"}]
    got = await streamed(*(chunk(part) for part in parts), chunk(finish="STOP"))
    reasoning, _ = blocks(got)
    assert reasoning.signature == "Uw=="
    assert sent_back(got) == parts
    bare = await whole(chunk({"thoughtSignature": "Uw=="}, finish="STOP"))
    assert sent_back(bare) == [{"thoughtSignature": "Uw=="}]


async def test_f_n37_a_tool_conversation_goes_round() -> None:
    """F-N37: signatures go back between tool turns, streamed or not, with no entry in the report."""
    parts = [
        {"text": "hm", "thought": True},
        {"functionCall": {"id": "s1", "name": "f", "args": {"x": 1}}, "thoughtSignature": "Uw=="},
        {"functionCall": {"id": "s2", "name": "f", "args": {"x": 2}}},
    ]
    for got in (
        await streamed(*(chunk(part) for part in parts), chunk(finish="STOP")),
        await whole(chunk(*parts, finish="STOP")),
    ):
        assert got.completion is not None
        assert got.completion.message is not None
        assert [call.call_id for call in got.completion.tool_calls] == ["s1", "s2"]
        outputs = Message(
            role="user",
            content=(
                ToolOutputBlock(call_id="s2", output="two"),
                ToolOutputBlock(call_id="s1", output="one"),
            ),
        )
        request = ModelRequest(
            messages=(Message.user("?"), got.completion.message, outputs), transplant="strict"
        )
        target = model()
        report = target.report(request)
        contents = target.encode(request, report)["contents"]
        assert contents[1]["parts"] == parts
        assert [part["functionResponse"]["id"] for part in contents[2]["parts"]] == ["s1", "s2"]
        assert report.losses == []


# -- calls ----------------------------------------------------------------------------------------


async def test_calls_without_ids_get_ids_of_their_own() -> None:
    """Unique even for equal calls; they go back without."""
    parts = [
        {"functionCall": {"name": "f", "args": {"ä": 1}}},
        {"functionCall": {"name": "f", "args": {"ä": 1}}},
    ]
    got = await streamed(chunk(*parts, finish="STOP"))
    assert got.completion is not None
    first, second = got.completion.tool_calls
    assert first.call_id != second.call_id
    assert first.arguments_json == '{"ä": 1}'
    assert got.completion.stop_reason == "tool_use"
    deltas = [event for event in got.events if isinstance(event, ToolCallDelta)]
    assert [(d.call_id, d.delta) for d in deltas] == [
        (first.call_id, '{"ä": 1}'),
        (second.call_id, '{"ä": 1}'),
    ]
    assert sent_back(got) == parts


async def test_a_repeated_id_is_made_unique() -> None:
    call = {"functionCall": {"id": "x", "name": "f", "args": {}}}
    got = await streamed(chunk(call, call, finish="STOP"))
    assert got.completion is not None
    assert len({made.call_id for made in got.completion.tool_calls}) == 2


def piece(path: str, more: bool = False, **value: Any) -> dict[str, Any]:
    return {"jsonPath": path, **value, **({"willContinue": True} if more else {})}


async def test_arguments_in_pieces_are_put_together() -> None:
    pieces = [
        {"name": "f", "willContinue": True},
        {"partialArgs": [piece("$.a.b[0].c", True, stringValue="x")], "willContinue": True},
        {"partialArgs": [piece("$.a.b[0].c", stringValue="y")], "willContinue": True},
        {
            "partialArgs": [piece("$.a.b[1]", numberValue=2), piece("$['q t']", boolValue=False)],
            "willContinue": True,
        },
        {"partialArgs": [piece('$["n"]', nullValue="NULL_VALUE")], "willContinue": True},
        {},
    ]
    got = await streamed(*(chunk({"functionCall": each}) for each in pieces), chunk(finish="STOP"))
    assert got.completion is not None
    (call,) = got.completion.tool_calls
    assert json.loads(call.arguments_json) == {"a": {"b": [{"c": "xy"}, 2]}, "q t": False, "n": None}


@pytest.mark.parametrize("path", [None, "a", "$", "$.a..b", "$.a[x]", "$.a[99999999]"])
async def test_paths_of_no_form_are_parsing_errors(path: Any) -> None:
    part = {"functionCall": {"name": "f", "partialArgs": [{"jsonPath": path, "stringValue": "x"}]}}
    got = await streamed(chunk(part, finish="STOP"))
    assert type(got.error) is AgentParsingError


# -- other parts ----------------------------------------------------------------------------------


async def test_server_side_work_is_kept_and_sent_back() -> None:
    parts = [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"toolCall": {"toolType": "FILE_SEARCH", "id": "t"}, "thoughtSignature": "Uw=="},
        {"toolResponse": {"toolType": "FILE_SEARCH", "id": "t", "response": {}}},
        {"somethingNew": {"x": 1}},
        {"text": "done"},
    ]
    got = await streamed(*(chunk(part) for part in parts), chunk(finish="STOP"))
    assert [block.type for block in blocks(got)] == [
        "gemini.executableCode",
        "gemini.codeExecutionResult",
        "gemini.toolCall",
        "gemini.toolResponse",
        "gemini.somethingNew",
        "text",
    ]
    assert sent_back(got) == parts


async def test_generated_images_are_media() -> None:
    pytest.importorskip("lamella_image")
    data = base64.b64encode(b"\x89PNG").decode()
    part = {"inlineData": {"mimeType": "image/png", "data": data}, "thoughtSignature": "Uw=="}
    got = await whole(chunk({"text": "Here:"}, part, finish="STOP"))
    text, media = blocks(got)
    assert text.text == "Here:"
    assert (media.type, media.base64_data, media.mime_type) == ("image", data, "image/png")
    assert media.opaque["gemini"]["generate"]["part"] == {"thoughtSignature": "Uw=="}


async def test_spoken_pieces_are_one() -> None:
    def sound(data: bytes) -> dict[str, Any]:
        return {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": base64.b64encode(data).decode()}}

    pytest.importorskip("lamella_audio")
    got = await streamed(chunk(sound(b"ab")), chunk(sound(b"cde")), chunk(finish="STOP"))
    (block,) = blocks(got)
    assert (block.type, block.data, block.mime_type) == ("audio", b"abcde", "audio/L16;rate=24000")
    assert blocks(await whole(chunk(sound(b"abcde"), finish="STOP"))) == blocks(got)
    assert sent_back(got) == [sound(b"abcde")]


def test_speech_is_opaque_where_no_plugin_has_a_class_for_it() -> None:
    part = {"inlineData": {"mimeType": "audio/wav", "data": "QUI="}}
    found = fold_response(GenerateContentDecoder("gemini").whole(chunk(part, finish="STOP")))
    assert found.message is not None
    (block,) = found.message.content
    assert isinstance(block, OpaqueContent)
    assert block.data["item"] == part


# -- citations ------------------------------------------------------------------------------------


async def test_citations_belong_to_the_last_text() -> None:
    """Streamed and whole alike, a call after the text notwithstanding."""
    grounding = {"webSearchQueries": ["q"], "groundingChunks": [{"web": {"uri": "u"}}]}
    cited = {"citationSources": [{"startIndex": 0, "endIndex": 3}]}
    call = {"functionCall": {"id": "c", "name": "f", "args": {}}}
    a = await streamed(
        chunk({"text": "a"}),
        chunk({"text": "b"}, citationMetadata=cited),
        chunk(call),
        chunk(finish="STOP", groundingMetadata=grounding),
    )
    b = await whole(
        chunk({"text": "ab"}, call, finish="STOP", groundingMetadata=grounding, citationMetadata=cited)
    )
    text, made = blocks(a)
    assert [dict(each) for each in text.annotations] == [
        {"citationMetadata": cited},
        {"groundingMetadata": grounding},
    ]
    assert isinstance(made, ToolCallBlock)
    assert {json.dumps(each) for each in blocks(b)[0].annotations} == {
        json.dumps(each) for each in text.annotations
    }


async def test_citations_in_pieces_grow() -> None:
    first = {"groundingChunks": [{"web": {"uri": "1"}}], "webSearchQueries": ["q"]}
    both = {"groundingChunks": [{"web": {"uri": "1"}}, {"web": {"uri": "2"}}]}
    more = {"groundingChunks": [{"web": {"uri": "3"}}]}
    got = await streamed(
        chunk({"text": "x"}, groundingMetadata=first),
        chunk({"text": "y"}, groundingMetadata=both),
        chunk({"text": "z"}, finish="STOP", groundingMetadata=more),
    )
    (found,) = blocks(got)[0].annotations
    assert [each["web"]["uri"] for each in found["groundingMetadata"]["groundingChunks"]] == ["1", "2", "3"]
    assert list(found["groundingMetadata"]["webSearchQueries"]) == ["q"]


async def test_citations_without_a_text_are_an_event() -> None:
    got = await streamed(chunk({"executableCode": {}}, finish="STOP", groundingMetadata={"x": 1}))
    assert [event.name for event in got.events if isinstance(event, OtherEvent)] == [
        "executableCode",
        "groundingMetadata",
    ]


async def test_probabilities_are_those_of_the_text() -> None:
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "b", "logProbability": -3}]}],
    }
    got = await streamed(
        chunk({"text": "a"}, logprobsResult=result),
        chunk({"text": "a"}, finish="STOP", logprobsResult=result),
    )
    (text,) = blocks(got)
    assert text.logprobs is not None
    assert [each["token"] for each in text.logprobs] == ["a", "a"]
    assert text.logprobs[0]["topCandidates"][0]["token"] == "b"


# -- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", "end_turn"),
        ("MAX_TOKENS", "max_tokens"),
        ("SAFETY", "refusal"),
        ("RECITATION", "refusal"),
        ("LANGUAGE", "refusal"),
        ("BLOCKLIST", "refusal"),
        ("PROHIBITED_CONTENT", "refusal"),
        ("SPII", "refusal"),
        ("PUP_LIMITED_DISABLED", "refusal"),
        ("IMAGE_SAFETY", "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_RECITATION", "content_filter"),
        ("IMAGE_OTHER", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("ESCALATION", "content_filter"),
        ("CONTINUATION", "pause"),
        ("OTHER", "other"),
        ("NO_IMAGE", "other"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("MALFORMED_RESPONSE", "other"),
        ("UNEXPECTED_TOOL_CALL", "other"),
        ("TOO_MANY_TOOL_CALLS", "other"),
        ("MISSING_THOUGHT_SIGNATURE", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
async def test_reasons_to_stop(reason: str, stop: str) -> None:
    body = {"candidates": [{"finishReason": reason, "content": {}}]}
    for got in (await streamed(body), await whole(body)):
        assert got.completion is not None
        assert got.completion.stop_reason == stop
        assert got.completion.raw_stop_reason == reason


async def test_calls_beside_a_reason() -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    for reason, stop in (
        ("STOP", "tool_use"),
        ("UNEXPECTED_TOOL_CALL", "tool_use"),
        ("MAX_TOKENS", "max_tokens"),
    ):
        got = await streamed(chunk(call), chunk(finish=reason))
        assert got.completion is not None
        assert got.completion.stop_reason == stop


@pytest.mark.parametrize(
    ("reason", "stop"), [("SAFETY", "refusal"), ("OTHER", "refusal"), ("IMAGE_SAFETY", "content_filter")]
)
async def test_a_blocked_prompt_is_an_empty_answer(reason: str, stop: str) -> None:
    body = {"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 4}}
    for got in (await streamed(body), await whole(body)):
        assert got.completion is not None
        assert (got.completion.content, got.completion.stop_reason) == ("", stop)
        assert got.completion.raw_stop_reason == reason
        assert got.completion.usage is not None


async def test_content_after_a_finish_reason_counts() -> None:
    got = await streamed(
        chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}), chunk(finish="MAX_TOKENS")
    )
    assert got.completion is not None
    assert (got.completion.content, got.completion.stop_reason) == ("ab", "max_tokens")


async def test_a_stream_without_its_end_is_interrupted() -> None:
    got = await streamed(chunk({"text": "a"}), chunk({"text": "b"}))
    assert type(got.error) is StreamInterruptedError
    assert got.error.partial.content == "ab"
    assert type((await streamed()).error) is StreamInterruptedError


async def test_an_error_in_mid_stream() -> None:
    """With what came before it, without the key."""
    got = await streamed(
        chunk({"text": "a"}),
        {"error": {"code": 503, "message": f"overloaded {KEY}", "status": "UNAVAILABLE"}},
        chunk({"text": "b"}, finish="STOP"),
    )
    assert type(got.error) is ServerError
    assert got.error.retryable
    assert got.error.context["status"] == "UNAVAILABLE"
    assert got.error.partial.content == "a"
    assert KEY not in str(got.error)
    body = {"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}], "message": "no"}}
    assert type((await whole(body)).error) is AuthenticationError


async def test_a_stream_as_a_json_array() -> None:
    body = [chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP", usageMetadata={"totalTokenCount": 4})]
    got = await whole(body)
    assert got.completion is not None
    assert got.completion.content == "ab"
    assert got.completion.usage is not None
    assert got.completion.usage.total_tokens == 4


@pytest.mark.parametrize(
    "body",
    [
        1,
        "x",
        None,
        [1],
        {},
        {"candidates": {}},
        {"candidates": [1]},
        {"candidates": [{"content": {"parts": {}}}]},
        {"candidates": [{"content": {"parts": ["x"]}}]},
        {"candidates": [{"finishReason": "STOP"}, {"finishReason": "STOP"}]},
        {"candidates": [{"finishReason": "STOP", "index": 1}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": 1}}]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": [1]}}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "partialArgs": 3}}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "partialArgs": [3]}}]}}]},
    ],
)
async def test_bodies_of_no_form_are_typed_errors(body: Any) -> None:
    assert isinstance((await whole(body)).error, AgentParsingError)
    assert isinstance((await streamed(body, chunk(finish="STOP"))).error, LamellaError | None)


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"text": None},
        {"text": 5},
        {"inlineData": "x"},
        {"inlineData": {"mimeType": 1, "data": 2}},
        {"inlineData": {"mimeType": "image/png", "data": "?"}},
        {"functionCall": None, "text": "x"},
    ],
)
async def test_parts_of_odd_forms_are_kept(part: dict[str, Any]) -> None:
    got = await whole(chunk(part, {"text": "ok"}, finish="STOP"))
    assert got.completion is not None
    assert got.completion.content.endswith("ok")


@pytest.mark.parametrize("seed", range(20))
async def test_streams_read_the_same_however_they_are_cut(seed: int) -> None:
    """F-N23: and the same as in one piece."""
    maker = random.Random(seed)
    kinds: list[dict[str, Any]] = [
        {"text": "plain ü "},
        {"text": "", "thoughtSignature": "Uw=="},
        {"text": "signed", "thoughtSignature": "U2ln"},
        {"text": "hm ", "thought": True},
        {"functionCall": {"id": "?", "name": "f", "args": {"x": ["€", None]}}, "thoughtSignature": "Uw=="},
        {"executableCode": {"code": "1"}},
    ]
    parts = [dict(maker.choice(kinds)) for _ in range(maker.randint(1, 8))]
    for place, part in enumerate(parts):
        if "functionCall" in part:
            part["functionCall"] = {**part["functionCall"], "id": f"c{place}"}
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 14}
    ends: dict[str, Any] = {"finish": "STOP", "usageMetadata": usage, "groundingMetadata": {"x": [1]}}
    one = await whole(chunk(*parts, **dict(ends)))
    many = [chunk(part) for part in parts]
    cut = await streamed(*many, chunk(**dict(ends)), seed=seed)
    assert blocks(cut) == blocks(one)
    assert cut.completion is not None
    assert one.completion is not None
    assert cut.completion.usage == one.completion.usage
    assert cut.completion.stop_reason == one.completion.stop_reason
    if one.completion.message is not None:
        assert "".join(part.get("text", "") for part in sent_back(cut)) == "".join(
            part.get("text", "") for part in parts
        )
        signed = [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
        assert [p["thoughtSignature"] for p in sent_back(cut) if "thoughtSignature" in p] == signed
