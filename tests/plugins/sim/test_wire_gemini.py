"""The Gemini wire: through Google's SDK streamed and not, faults, keys, and all that Google would refuse."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.content import OpaqueContent, ReasoningBlock, TextBlock
from lamella.usage import TokenUsage
from lamella_sim import (
    Delay,
    Error,
    ErrorEventFault,
    KeepOpenFault,
    MalformedFault,
    Reasoning,
    Refusal,
    ResetFault,
    Script,
    SimServer,
    SlowFault,
    StatusFault,
    Structured,
    Text,
    ToolCall,
    TruncateFault,
    Turn,
)
from lamella_sim.received import ReceivedImage
from lamella_sim.wires import BadRequest, Gemini

Serve = Callable[..., SimServer]
Connect = Callable[..., genai.Client]

PATH = "/gemini/v1beta/models/m:generateContent"
STREAM = "/gemini/v1beta/models/m:streamGenerateContent?alt=sse"
HI: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "hi"}]}]
PIXEL = base64.b64encode(b"\x89PNG").decode()
WEATHER = {
    "name": "weather",
    "description": "Weather",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PROMPT = "What's the weather in Paris and in Rome?"


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """SDK clients on httpx2, closed after the test."""
    opened: list[httpx2.AsyncClient] = []
    clients: list[genai.Client] = []

    def make(server: SimServer, version: str = "v1beta") -> genai.Client:
        opened.append(httpx2.AsyncClient())
        options = types.HttpOptions(
            base_url=server.base_url_of("gemini"), api_version=version, httpx_async_client=opened[-1]
        )
        clients.append(genai.Client(api_key="secret-of-the-test", http_options=options))
        return clients[-1]

    yield make
    for client in opened:
        await client.aclose()
    for each in clients:
        each.close()


def post(server: SimServer, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """A request without the SDK: status and body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        server.url + path, data, {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def said(parts: list[types.Part] | None) -> list[tuple[Any, ...]]:
    """Parts in plain words, with plain texts in a row joined."""
    words: list[tuple[Any, ...]] = []
    for part in parts or ():
        signature = base64.b64encode(part.thought_signature).decode() if part.thought_signature else None
        if part.function_call is not None:
            words.append(("call", part.function_call.name, part.function_call.args, signature))
            assert part.function_call.id is None
            continue
        kind = "thought" if part.thought else "text"
        if words and signature is None and words[-1][0] == kind and words[-1][2] is None:
            words[-1] = (kind, words[-1][1] + part.text, None)
        else:
            words.append((kind, part.text, signature))
    return words


def parts_of(response: types.GenerateContentResponse) -> list[types.Part]:
    assert response.candidates is not None
    (candidate,) = response.candidates
    return (candidate.content and candidate.content.parts) or []


async def heard(
    client: genai.Client, model: str = "m", contents: Any = "hi", config: Any = None
) -> list[types.GenerateContentResponse]:
    """The chunks of a stream."""
    stream = await client.aio.models.generate_content_stream(model=model, contents=contents, config=config)
    return [chunk async for chunk in stream]


async def test_a_tool_loop_replays_signatures_and_matches_by_name(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    config = types.GenerateContentConfig(tools=[{"function_declarations": [WEATHER]}])
    first = await client.aio.models.generate_content(
        model="models/gemini-3-pro", contents=PROMPT, config=config
    )
    assert first.model_version == "sim-gemini-3-pro"
    calls = [part for part in parts_of(first) if part.function_call]
    assert [(part.function_call and part.function_call.args) for part in calls] == [
        {"city": "Paris"},
        {"city": "Rome"},
    ]
    assert calls[0].thought_signature
    assert calls[1].thought_signature is None
    assert (first.candidates or [])[0].finish_reason == types.FinishReason.STOP
    answers = [
        types.Part.from_function_response(name="weather", response={"result": output})
        for output in ("sunny", "rain")
    ]
    history = [
        types.UserContent(PROMPT),
        types.Content(role="model", parts=parts_of(first)),
        types.UserContent(answers),
    ]
    second = await client.aio.models.generate_content(
        model="gemini-3-pro",
        contents=history,
        config=config,
    )
    assert second.text == (
        'According to weather(city="Paris"), the answer is sunny. '
        'According to weather(city="Rome"), the answer is rain.'
    )
    calls[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature") as refused:
        await client.aio.models.generate_content(
            model="gemini-3-pro",
            contents=history,
            config=config,
        )
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert [request.path.rpartition("/")[2] for request in server.requests] == (
        ["gemini-3-pro:generateContent"] * 3
    )


async def test_the_stream_is_the_reply_in_chunks(serve: Serve, connect: Connect) -> None:
    turn = [
        Reasoning("t", summary="s ", signature="c2ln"),
        "a b",
        Delay(0.01),
        ToolCall("f", {"x": 1.5}),
        ToolCall("g"),
    ]
    client = connect(serve(Script.of(turn)))
    whole = await client.aio.models.generate_content(model="m", contents="hi")
    chunks = await heard(client)
    assert said(parts_of(whole)) == [
        ("thought", "s t", None),
        ("text", "a b", None),
        ("call", "f", {"x": 1.5}, "c2ln"),
        ("call", "g", {}, None),
    ]
    assert said([part for chunk in chunks for part in parts_of(chunk)]) == said(parts_of(whole))
    reasons = [(chunk.candidates or [])[0].finish_reason for chunk in chunks]
    assert reasons[:-1] == [None] * (len(chunks) - 1)
    assert reasons[-1] == types.FinishReason.STOP
    assert chunks[-1].usage_metadata == whole.usage_metadata
    totals = [chunk.usage_metadata and chunk.usage_metadata.total_token_count for chunk in chunks]
    assert totals == sorted(totals, key=lambda total: total or 0)
    assert None not in totals


def test_frames_end_as_googles_do(serve: Serve) -> None:
    status, body = post(serve(Script.of(["a b", ToolCall("f")])), STREAM, {"contents": HI})
    *frames, rest = body.split(b"\r\n\r\n")
    assert (status, rest, len(frames)) == (200, b"", 3)
    last = json.loads(frames[-1].removeprefix(b"data: "))["candidates"][0]
    assert last["finishMessage"] == "Model generated function call(s)."
    with pytest.raises(json.JSONDecodeError):
        json.loads(Gemini().malformed_chunk().removeprefix(b"data: "))


async def test_a_signature_after_text_sits_on_an_empty_last_part(serve: Serve, connect: Connect) -> None:
    script = Script.of([Reasoning(signature="not base64"), "a b", Reasoning("x", signature="c2ln"), "c"])
    client = connect(serve(script))
    expected = [
        ("text", "a b", None),
        ("text", "", base64.b64encode(b"not base64").decode()),
        ("thought", "x", None),
        ("text", "c", None),
        ("text", "", "c2ln"),
    ]
    assert said(parts_of(await client.aio.models.generate_content(model="m", contents="hi"))) == expected
    assert said([part for chunk in await heard(client) for part in parts_of(chunk)]) == expected


async def test_signatures_are_never_used_twice(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script((lambda request: Turn((ToolCall("f"),)),))))
    seen = {
        said(parts_of(await client.aio.models.generate_content(model="m", contents="hi")))[0][3]
        for _ in "abc"
    }
    assert len(seen) == 3
    assert None not in seen


async def test_endings(serve: Serve, connect: Connect) -> None:
    ends = {
        "SAFETY": Turn((Refusal("I won't."),)),
        "MAX_TOKENS": Turn(("cut",), stop_reason="max_tokens"),
        "MODEL_ARMOR": Turn(("cut",), stop_reason="content_filter"),
        "OTHER": Turn((), stop_reason="other"),
        "STOP": Turn(()),
        "MALFORMED_FUNCTION_CALL": Turn(("hm", ToolCall("f", arguments_json="{x"), "never said")),
    }
    for reason, turn in ends.items():
        client = connect(serve(Script.of(turn)))
        whole = await client.aio.models.generate_content(model="m", contents="hi")
        chunks = await heard(client)
        for end in ((whole.candidates or [])[0], (chunks[-1].candidates or [])[0]):
            assert end.finish_reason == reason
        streamed = said([part for chunk in chunks for part in parts_of(chunk)])
        assert streamed == said(parts_of(whole))
        assert "never said" not in str(streamed)


async def test_usage_in_googles_counting(serve: Serve, connect: Connect) -> None:
    usage = TokenUsage(
        input_tokens=10,
        cached_read_tokens=4,
        audio_input_tokens=2,
        output_tokens=5,
        reasoning_tokens=3,
        tool_use_tokens=7,
        audio_output_tokens=1,
    )
    client = connect(serve(Script.of(Turn("x", usage=usage))))
    counted = (await client.aio.models.generate_content(model="m", contents="hi")).usage_metadata
    assert counted is not None
    assert counted.model_dump(exclude_none=True) == {
        "prompt_token_count": 16,
        "prompt_tokens_details": [
            {"modality": "TEXT", "token_count": 14},
            {"modality": "AUDIO", "token_count": 2},
        ],
        "cached_content_token_count": 4,
        "candidates_token_count": 6,
        "candidates_tokens_details": [
            {"modality": "TEXT", "token_count": 5},
            {"modality": "AUDIO", "token_count": 1},
        ],
        "thoughts_token_count": 3,
        "tool_use_prompt_token_count": 7,
        "total_token_count": 32,
    }


# -- faults -------------------------------------------------------------------------------------------

LONG = Script.of("one two three four five")


async def test_statuses_have_googles_body(serve: Serve, connect: Connect) -> None:
    faults = [
        StatusFault(429, {"x-extra": "1"}, message="slow down", code="PerDay"),
        StatusFault(503),
        StatusFault(400, code="API_KEY_INVALID"),
        StatusFault(418),
    ]
    server = serve(Script.of([Error(429, "slow", retry_after=37)]), faults=faults)
    client = connect(server)
    with pytest.raises(errors.ClientError) as limited:
        await heard(client)
    assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert limited.value.message == "slow down"
    assert "PerDay" in str(limited.value.details)
    assert limited.value.response.headers["x-extra"] == "1"
    for code, status in ((503, "UNAVAILABLE"), (400, "INVALID_ARGUMENT"), (418, "INVALID_ARGUMENT")):
        with pytest.raises(errors.APIError) as failed:
            await heard(client)
        assert (failed.value.code, failed.value.status) == (code, status)
    with pytest.raises(errors.ClientError) as scripted:
        await heard(client)
    assert "'retryDelay': '37s'" in str(scripted.value.details)


async def test_resets_truncations_and_malformed_chunks(serve: Serve, connect: Connect) -> None:
    server = serve(LONG, faults=[ResetFault(2), ResetFault(1), TruncateFault(3, "chunks"), MalformedFault(2)])
    client = connect(server)
    with pytest.raises(httpx2.TransportError):
        await heard(client)
    with pytest.raises(httpx2.TransportError):
        await client.aio.models.generate_content(model="m", contents="hi")
    cut = await heard(client)
    assert len(cut) == 3
    assert (cut[-1].candidates or [])[0].finish_reason is None
    with pytest.raises(errors.UnknownApiResponseError):
        await heard(client)
    assert len(await heard(client)) == 5


async def test_an_error_in_the_stream(serve: Serve, connect: Connect) -> None:
    server = serve(
        Script.of(["one two", Error(503, "overloaded")]), faults=[ErrorEventFault(1, 429, "too fast")]
    )
    client = connect(server)
    with pytest.raises(errors.ClientError, match="too fast") as limited:
        await heard(client)
    assert limited.value.status == "RESOURCE_EXHAUSTED"
    seen = []
    with pytest.raises(errors.ServerError, match="overloaded"):
        async for chunk in await client.aio.models.generate_content_stream(model="m", contents="hi"):
            seen += [part.text for part in parts_of(chunk)]
    assert seen == ["one", " two"]
    with pytest.raises(errors.ServerError, match="overloaded"):
        await client.aio.models.generate_content(model="m", contents="hi")


async def test_slow_and_open_streams(serve: Serve, connect: Connect) -> None:
    client = connect(serve(LONG, faults=[SlowFault(0.01), KeepOpenFault()]))
    assert len(await heard(client)) == 5
    seen: list[Any] = []

    async def read() -> None:
        async for chunk in await client.aio.models.generate_content_stream(model="m", contents="hi"):
            seen.append(chunk)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.5)
    assert len(seen) == 5


# -- keys and paths -----------------------------------------------------------------------------------


async def test_a_key_is_a_header_or_a_parameter_and_never_recorded(serve: Serve, connect: Connect) -> None:
    server = serve(require_key=True)
    status, body = post(server, PATH, {"contents": HI})
    assert (status, body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert body["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert post(server, f"{STREAM}&key=hidden", {"contents": HI})[0] == 200
    await connect(server).aio.models.generate_content(model="m", contents="hi")
    assert [request.status for request in server.requests] == [400, 200, 200]
    assert server.requests[1].query == "alt=sse&key=***"
    assert "hidden" not in str(server.requests)
    assert server.requests[2].headers["x-goog-api-key"] == "***"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gemini/v1beta/models/m:countTokens", 404),
        ("/gemini/v1beta/models/m", 404),
        ("/gemini/v9/models/m:generateContent", 404),
        ("/gemini/v1beta/files", 404),
        ("/gemini/v1beta/models/m:streamGenerateContent", 400),
    ],
)
def test_other_paths_have_googles_error(serve: Serve, path: str, status: int) -> None:
    got, body = post(serve(), path, {"contents": HI})
    assert (got, body["error"]["code"]) == (status, status)
    assert body["error"]["status"] == ("NOT_FOUND" if status == 404 else "INVALID_ARGUMENT")


def test_a_body_that_is_no_json_has_googles_error(serve: Serve) -> None:
    status, body = post(serve(), PATH, b"{")
    assert (status, body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "Invalid JSON payload received" in body["error"]["message"]


async def test_v1_is_served_and_a_model_is_named_in_two_ways(serve: Serve, connect: Connect) -> None:
    client = connect(serve(), "v1")
    for name in ("echo", "models/echo", "sim-echo"):
        assert (await client.aio.models.generate_content(model=name, contents="say")).text == "say"


# -- what is refused ----------------------------------------------------------------------------------


def turn(*parts: Any, role: str = "model") -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def call(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}, **fields}}


def response(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"result": 1}, **fields}}


def contents(*turns: Any) -> dict[str, Any]:
    return {"contents": [*HI, *turns]}


def offering(*functions: Any, **rest: Any) -> dict[str, Any]:
    return {"contents": HI, "tools": [{"functionDeclarations": list(functions)}], **rest}


def config(**fields: Any) -> dict[str, Any]:
    return {"contents": HI, "generationConfig": fields}


def choosing(*functions: Any, **fields: Any) -> dict[str, Any]:
    return offering(*functions, toolConfig={"functionCallingConfig": fields})


F = {"name": "f"}
JSON_MODE = {"responseMimeType": "application/json"}

BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "contents is not specified"),
    ({"contents": []}, "contents is not specified"),
    ({"contents": "hi"}, "expected a list"),
    ({"contents": HI, "max_tokens": 3}, 'Unknown name "max_tokens": Cannot find field'),
    ({"contents": ["x"]}, "expected an object"),
    ({"contents": [turn({"text": "x"}, role="assistant")]}, "valid role: user, model"),
    ({"contents": [turn()]}, "parts must not be empty"),
    ({"contents": [{"role": "user", "content": "x"}]}, "Unknown name \"content\" at 'contents[0]'"),
    (contents(turn({})), "required oneof field 'data'"),
    ({"contents": [turn({"text": ""}, role="user")]}, "required oneof field 'data'"),
    (contents(turn({"text": "a", "inlineData": {}})), "oneof field 'data' is already set"),
    (contents(turn({"text": "a", "type": "text"})), 'Unknown name "type"'),
    (contents(turn({"text": 3})), "TYPE_STRING"),
    (contents(turn({"text": "a", "thoughtSignature": "!"})), "Base64 decoding failed"),
    (
        contents(turn({"text": "a", "thoughtSignature": "sim-mistral-signature_00"})),
        "Corrupted thought signature",
    ),
    ({"contents": [turn({"inlineData": {"data": PIXEL}}, role="user")]}, "Unsupported MIME type"),
    (
        {"contents": [turn({"inlineData": {"data": "?", "mimeType": "image/png"}}, role="user")]},
        "Base64 decoding failed",
    ),
    ({"contents": [turn({"fileData": {"fileUri": "cat.png"}}, role="user")]}, "unsupported file uri"),
    ({"contents": [turn(call(), role="user")]}, "user cannot hold functionCall"),
    ({"contents": [turn(call())]}, "function call turn comes immediately after a user turn"),
    (contents(turn({"text": "a"}), turn(call())), "function call turn comes immediately after a user turn"),
    (contents(turn(call())), "number of function response parts is equal"),
    (contents(turn(call()), turn({"text": "x"}, role="user")), "number of function response parts is equal"),
    (contents(turn(call()), turn({"text": "x"})), "number of function response parts is equal"),
    (
        contents(
            turn(call("f"), call("g")), turn(response("f"), role="user"), turn(response("g"), role="user")
        ),
        "number of function response parts is equal",
    ),
    (contents(turn(call("f")), turn(response("g"), role="user")), "no call of 'g'"),
    (contents(turn(call("f", id="1")), turn(response("g", id="1"), role="user")), "'g' with the id '1'"),
    (contents(turn(call("f")), turn(response("f", id="1"), role="user")), "'f' with the id '1'"),
    (contents(turn(call("f", id="1")), turn(response("f", id="2"), role="user")), "'f' with the id '2'"),
    (contents(turn(response(), role="user")), "immediately after a function call turn"),
    (contents(turn(call()), turn(response())), "model cannot hold functionResponse"),
    (contents(turn(call()), turn(response(response="x"), role="user")), "google.protobuf.Struct"),
    (contents(turn(call()), turn(response(response=None), role="user")), "google.protobuf.Struct"),
    (contents(turn(call()), turn(response(result="x"), role="user")), 'Unknown name "result"'),
    (contents(turn(call(args="{}"))), "google.protobuf.Struct"),
    (contents(turn(call("1st"))), "Invalid function name"),
    (contents(turn(call(arguments={}))), 'Unknown name "arguments"'),
    (
        contents(turn(call()), turn(response(parts=[{"text": "x"}]), role="user")),
        "holds media only",
    ),
    ({"contents": HI, "systemInstruction": "be brief"}, "expected an object"),
    ({"contents": HI, "systemInstruction": {"parts": [{"text": ""}]}}, "required oneof field 'data'"),
    (
        {"contents": HI, "systemInstruction": turn({"inlineData": {"data": PIXEL, "mimeType": "image/png"}})},
        "only supports text",
    ),
    (offering({"name": "a b"}), "Invalid function name"),
    (offering({"description": "x"}), "Invalid function name"),
    (offering(F, F), "Duplicate function declaration"),
    (offering({**F, "strict": True}), 'Unknown name "strict"'),
    (offering({**F, "parameters": {"type": "object", "$defs": {}}}), 'Unknown name "$defs"'),
    (offering({**F, "parameters": {"type": ["string", "null"]}}), "cannot start list"),
    (offering({**F, "parameters": {"type": "str"}}), 'parameters.type\', "str"'),
    (offering({**F, "parameters": {"properties": {"a": {"oneOf": []}}}}), "parameters.properties[a]"),
    (offering({**F, "parameters": {"items": {"const": 1}}}), 'Unknown name "const"'),
    (offering({**F, "parameters": {"anyOf": [{"const": 1}]}}), "any_of[0]"),
    (offering({**F, "parameters": {}, "parametersJsonSchema": {}}), "must not be set both"),
    (offering({**F, "parametersJsonSchema": "x"}), "expected an object"),
    ({"contents": HI, "tools": [{"function": F}]}, "Unknown name \"function\" at 'tools[0]'"),
    ({"contents": HI, "tools": [F]}, 'Unknown name "name"'),
    (choosing(F, mode="required"), "mode"),
    (choosing(F, mode="ANY", allowedFunctionNames=["g"]), "not in function_declarations"),
    (choosing(F, mode="AUTO", allowedFunctionNames=["f"]), "mode is ANY"),
    (choosing(mode="ANY"), "without function_declarations"),
    (choosing(F, name="f"), 'Unknown name "name"'),
    (config(max_tokens=3), "Unknown name \"max_tokens\" at 'generation_config'"),
    (config(maxOutputTokens=0), "maxOutputTokens"),
    (config(maxOutputTokens="3"), "maxOutputTokens"),
    (config(temperature=2.5), "temperature"),
    (config(topP=True), "topP"),
    (config(stopSequences="END"), "stopSequences"),
    (config(stopSequences=list("abcdef")), "stopSequences"),
    (config(candidateCount=2), "candidateCount"),
    (config(seed=1.5), "seed"),
    (config(responseMimeType="json"), "responseMimeType"),
    (config(responseJsonSchema={}), "only allowed when response_mime_type"),
    (config(responseSchema={}, responseJsonSchema={}, **JSON_MODE), "must not be set both"),
    (config(responseSchema={"$ref": "#"}, **JSON_MODE), 'Unknown name "$ref"'),
    (config(responseJsonSchema="x", **JSON_MODE), "expected an object"),
    (config(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "low"}), "only set only one"),
    (config(thinkingConfig={"thinkingBudget": "many"}), "TYPE_INT32"),
    (config(thinkingConfig={"thinkingLevel": "extreme"}), "thinking_level"),
    (config(thinkingConfig={"effort": "low"}), 'Unknown name "effort"'),
]


@pytest.mark.parametrize(("payload", "message"), BAD)
def test_bad_requests(payload: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Gemini().read(payload, PATH)
    assert message in caught.value.message
    body = Gemini().refused(caught.value)["error"]
    assert (body["code"], body["status"]) == (400, "INVALID_ARGUMENT")


def test_older_models_have_no_functions_beside_json_or_hosted_tools() -> None:
    path = "/gemini/v1beta/models/gemini-2.5-flash:generateContent"
    with pytest.raises(BadRequest, match="response mime type"):
        Gemini().read(offering(F, generationConfig=JSON_MODE), path)
    both = [{"functionDeclarations": [F]}, {"googleSearch": {}}]
    with pytest.raises(BadRequest, match="Tool use with function calling"):
        Gemini().read({"contents": HI, "tools": both}, path)
    newer = path.replace("2.5", "3")
    assert (
        Gemini().read({**offering(F, generationConfig=JSON_MODE), "tools": both}, newer).model
        == "gemini-3-flash"
    )


SIGNED = {"thoughtSignature": "c2ln"}


@pytest.mark.parametrize(
    ("turns", "fine"),
    [
        ([turn(call()), turn(response(), role="user")], False),
        ([turn({**call(), **SIGNED}), turn(response(), role="user")], True),
        (
            [
                turn({**call(), "thoughtSignature": "skip_thought_signature_validator"}),
                turn(response(), role="user"),
            ],
            True,
        ),
        # Only the first of parallel calls has a signature, and only the current turn is looked at.
        (
            [turn({**call(), **SIGNED}, call()), turn(response(), response(), role="user")],
            True,
        ),
        (
            [turn(call(), {**call(), **SIGNED}), turn(response(), response(), role="user")],
            False,
        ),
        (
            [
                turn(call()),
                turn(response(), role="user"),
                turn({"text": "a"}),
                turn({"text": "b"}, role="user"),
            ],
            True,
        ),
        (
            [
                turn({**call(), **SIGNED}),
                turn(response(), role="user"),
                turn(call()),
                turn(response(), role="user"),
            ],
            False,
        ),
    ],
)
def test_gemini_3_wants_the_signatures_of_the_current_turn(turns: list[Any], fine: bool) -> None:
    wire = Gemini()
    for model in ("gemini-3-flash", "sim-gemini-3.1-pro"):
        path = f"/gemini/v1beta/models/{model}:generateContent"
        if fine:
            assert wire.read(contents(*turns), path).request.messages
        else:
            with pytest.raises(BadRequest, match="missing a thought_signature"):
                wire.read(contents(*turns), path)
    assert wire.read(contents(*turns), PATH).request.messages


# -- what is read -------------------------------------------------------------------------------------


def test_a_history_is_read_into_messages() -> None:
    image = {"inline_data": {"mime_type": "image/png", "data": PIXEL}}
    payload = {
        "systemInstruction": {"parts": [{"text": "be "}, {"text": "brief"}]},
        "contents": [
            {
                "parts": [
                    {"text": "look"},
                    image,
                    {"fileData": {"fileUri": "gs://b/c", "mimeType": "image/png"}},
                ]
            },
            turn(
                {"text": "hm", "thought": True, **SIGNED},
                {"executableCode": {"code": "1"}},
                {"text": "", **SIGNED},
                call("f", id="9"),
                call("g", args={"x": 1}),
                call("g", args={"x": 2}),
            ),
            turn(
                response("g", response={"output": "first"}),
                response("g", response={"error": "no"}),
                response("f", id="9", response={"a": 1}, parts=[image]),
                {"text": "go on"},
                role="user",
            ),
        ],
    }
    request = Gemini().read(payload, PATH).request
    assert request.system_instruction == "be brief"
    asked, answered, outputs = request.messages
    assert [type(block) for block in asked.content] == [TextBlock, ReceivedImage, ReceivedImage]
    assert asked.content[1] == ReceivedImage(data=b"\x89PNG", mime_type="image/png")
    assert answered.content[0] == ReasoningBlock(text="hm", signature="c2ln")
    assert isinstance(answered.content[1], OpaqueContent)
    f, g1, g2 = answered.tool_calls
    assert [(out.call_id, out.is_error) for out in outputs.tool_outputs] == [
        (g1.call_id, False),
        (g2.call_id, True),
        (f.call_id, False),
    ]
    assert outputs.tool_outputs[0].output == "first"
    assert outputs.tool_outputs[2].parts == (
        TextBlock(text='{"a": 1}'),
        ReceivedImage(data=b"\x89PNG", mime_type="image/png"),
    )
    assert outputs.text == "go on"


def test_tools_choice_and_schema_are_read() -> None:
    def read(**config: Any) -> Any:
        choice = {"functionCallingConfig": config}
        return Gemini().read(offering(F, {"name": "g"}, tool_config=choice), PATH).request

    assert read(mode="ANY", allowedFunctionNames=["g"]).tool_choice == "g"
    assert [tool.name for tool in read(mode="ANY", allowedFunctionNames=["g"]).tools] == ["g"]
    assert read(mode="any").tool_choice == "required"
    assert read(mode="NONE").tool_choice == "none"
    assert read(mode="VALIDATED").tool_choice == "auto"
    assert read().tool_choice == "auto"
    schema = {"type": "object", "properties": {"a": {"type": "STRING"}}}
    for key in ("responseSchema", "responseJsonSchema", "response_json_schema"):
        asked = Gemini().read(config(**{key: schema}, **JSON_MODE), STREAM)
        assert asked.streaming
        assert asked.request.output_schema is not None
        assert asked.request.output_schema.schema == schema
    loose = Gemini().read(config(**JSON_MODE), PATH).request.output_schema
    assert loose is not None
    assert loose.schema == {"type": "object"}
    plain = Gemini().read(config(thinkingConfig={"thinkingLevel": "LOW"}, topK=40, seed=None), PATH)
    assert plain.request.output_schema is None


async def test_a_schema_is_answered(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    options = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=schema)
    answer = await client.aio.models.generate_content(model="m", contents="n is 7", config=options)
    assert type(json.loads(answer.text or "")["n"]) is int


# -- any script ---------------------------------------------------------------------------------------

TEXTS = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, st.sampled_from(["add", "weather"]), st.dictionaries(TEXTS, JSON, max_size=3))
SIGNATURES = st.binary(min_size=1, max_size=12).map(lambda raw: base64.b64encode(raw).decode())
REASONING = st.builds(
    lambda text, summary, signature: Reasoning(text, summary=summary, signature=signature),
    TEXTS,
    st.none() | TEXTS,
    st.none() | SIGNATURES,
)
STEPS = st.one_of(TEXTS.map(Text), CALLS, REASONING, JSON.map(Structured), TEXTS.map(Refusal))
TURNS = st.lists(STEPS, max_size=6).map(Turn)


class Stage:
    """One server and client for all examples; the turn is set before each."""

    turn = Turn(())
    client: genai.Client


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with SimServer(lambda request: stage.turn) as server:
        options = types.HttpOptions(base_url=server.base_url_of("gemini"), api_version="v1beta")
        stage.client = genai.Client(api_key="k", http_options=options)
        yield stage
        stage.client.close()


def texts_of(turn: Turn, kind: str) -> str:
    if kind == "thought":
        steps = [step for step in turn.steps if isinstance(step, Reasoning)]
        return "".join((step.summary or "") + (step.text or "") for step in steps)
    said = [step for step in turn.steps if isinstance(step, Text | Refusal | Structured)]
    return "".join(
        json.dumps(_thawed(step.value), ensure_ascii=False) if isinstance(step, Structured) else step.text
        for step in said
    )


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _thawed(item) for key, item in value.items()}
    return [_thawed(item) for item in value] if isinstance(value, tuple | list) else value


@settings(deadline=None, max_examples=40)
@given(turn=TURNS)
def test_streamed_equals_unstreamed_equals_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    whole = stage.client.models.generate_content(model="m", contents="hi")
    chunks = list(stage.client.models.generate_content_stream(model="m", contents="hi"))
    words = said(parts_of(whole))
    streamed = said([part for chunk in chunks for part in parts_of(chunk)])
    calls = [step for step in turn.steps if isinstance(step, ToolCall)]
    given = [step.signature for step in turn.steps if isinstance(step, Reasoning) and step.signature]
    signatures = [word[-1] for word in words if word[-1]]
    if len(signatures) == len(given):
        assert words == streamed
        assert signatures == given
    else:  # the first call made one up, another for each reply
        assert len(signatures) == len(given) + 1
        assert [word[:-1] for word in words] == [word[:-1] for word in streamed]
    assert [(word[1], word[2]) for word in words if word[0] == "call"] == [
        (step.name, step.arguments) for step in calls
    ]
    for kind in ("thought", "text"):
        assert "".join(word[1] for word in words if word[0] == kind) == texts_of(turn, kind)
    assert chunks[-1].usage_metadata == whole.usage_metadata
    ends = [(response.candidates or [])[0].finish_reason for response in (whole, chunks[-1])]
    assert ends[0] == ends[1]
    assert ends[0] is not None
