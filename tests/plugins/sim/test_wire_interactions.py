"""The Gemini Interactions wire: through Google's SDK streamed and not, faults, and all it would refuse."""

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
from google.genai import types
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
from lamella_sim.wires import BadRequest, GeminiInteractions

Serve = Callable[..., SimServer]
Connect = Callable[..., genai.Client]

PATH = "/gemini/v1beta/interactions"
PIXEL = base64.b64encode(b"\x89PNG").decode()
PROMPT = "What's the weather in Paris and in Rome?"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "Weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ONCE = types.HttpRetryOptions(attempts=1)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """SDK clients on httpx2 that try once, closed after the test."""
    opened: list[httpx2.AsyncClient] = []
    clients: list[genai.Client] = []

    def make(server: SimServer) -> genai.Client:
        opened.append(httpx2.AsyncClient())
        options = types.HttpOptions(
            base_url=server.base_url_of("gemini.interactions"),
            api_version="v1beta",
            httpx_async_client=opened[-1],
            retry_options=ONCE,
        )
        clients.append(genai.Client(api_key="secret-of-the-test", http_options=options))
        return clients[-1]

    yield make
    for client in opened:
        await client.aclose()
    for each in clients:
        each.close()


def post(server: SimServer, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """A request without the SDK: status and body."""
    request = urllib.request.Request(
        server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def ask(client: genai.Client, **fields: Any) -> Any:
    return await client.aio.interactions.create(**{"model": "m", "input": "hi", **fields})


async def heard(client: genai.Client, **fields: Any) -> list[Any]:
    """The events of a stream."""
    stream = await ask(client, stream=True, **fields)
    return [event async for event in stream]


def said(steps: Any) -> list[tuple[Any, ...]]:
    """Steps in plain words."""
    words: list[tuple[Any, ...]] = []
    for step in steps:
        if step.type == "function_call":
            words.append(("call", step.id, step.name, step.arguments))
        elif step.type == "thought":
            words.append(("thought", "".join(part.text for part in step.summary or ()), step.signature))
        else:
            words.append(("text", "".join(part.text for part in step.content)))
    return words


def told(events: list[Any]) -> list[tuple[Any, ...]]:
    """The steps that events tell of, in the same words."""
    words: list[list[Any]] = []
    for event in events:
        if event.event_type == "step.start":
            assert event.index == len(words)
            kind = event.step.type
            call = ["call", event.step.id, event.step.name, ""] if kind == "function_call" else None
            words.append(call or (["thought", "", None] if kind == "thought" else ["text", ""]))
        elif event.event_type == "step.delta":
            delta = event.delta
            if delta.type == "thought_summary":
                words[event.index][1] += delta.content.text
            elif delta.type == "thought_signature":
                words[event.index][2] = delta.signature
            else:
                words[event.index][-1] += delta.arguments if delta.type == "arguments_delta" else delta.text
    return [(*word[:3], json.loads(word[3])) if word[0] == "call" else tuple(word) for word in words]


async def test_a_tool_loop(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    first = await ask(client, model="models/gemini-3-pro", input=PROMPT, tools=[WEATHER])
    assert (first.status, first.model) == ("requires_action", "sim-gemini-3-pro")
    calls = [step for step in first.steps if step.type == "function_call"]
    assert [(call.name, call.arguments) for call in calls] == [
        ("weather", {"city": "Paris"}),
        ("weather", {"city": "Rome"}),
    ]
    results = [
        {"type": "function_result", "call_id": call.id, "name": "weather", "result": result}
        for call, result in zip(calls, ("sunny", [{"type": "text", "text": "rain"}]), strict=True)
    ]
    asked = {"type": "user_input", "content": [{"type": "text", "text": PROMPT}]}
    history = [asked, *[step.model_dump(exclude_none=True) for step in first.steps], *results]
    second = await ask(client, model="gemini-3-pro", input=history, tools=[WEATHER], store=False)
    assert second.status == "completed"
    assert second.output_text == (
        'According to weather(city="Paris"), the answer is sunny. '
        'According to weather(city="Rome"), the answer is rain.'
    )
    assert [request.status for request in server.requests] == [200, 200]


async def test_the_stream_is_the_interaction_in_events(serve: Serve, connect: Connect) -> None:
    script = Script.of(
        [Reasoning("t", summary="s ", signature="c2ln"), "a b", Delay(0.01), ToolCall("f", {"x": [1]})]
    )
    server = serve(script)
    client = connect(server)
    whole = await ask(client)
    events = await heard(client)
    (call,) = [word for word in told(events) if word[0] == "call"]
    assert told(events) == [("thought", "s t", "c2ln"), ("text", "a b"), ("call", call[1], "f", {"x": [1]})]
    assert [word[2:] if word[0] == "call" else word for word in said(whole.steps)] == [
        word[2:] if word[0] == "call" else word for word in told(events)
    ]
    assert [event.event_type for event in events] == [
        "interaction.created",
        "interaction.status_update",
        *["step.start", "step.delta", "step.delta", "step.delta", "step.stop"],
        *["step.start", "step.delta", "step.delta", "step.stop"],
        *["step.start", "step.delta", "step.delta", "step.stop"],
        "interaction.completed",
    ]
    final = events[-1].interaction
    assert (final.status, final.steps) == ("requires_action", None)
    assert final.usage == whole.usage.model_copy(update={"initial_input_tokens": None})
    assert events[0].interaction.usage is None
    _, body = post(server, PATH, {"model": "m", "input": "hi", "stream": True})
    assert body.endswith(b"event: done\ndata: [DONE]\n\n")


async def test_statuses_and_signatures(serve: Serve, connect: Connect) -> None:
    ends = {
        "completed": Turn((Reasoning("t"), "x")),
        "failed": Turn((Refusal("I won't."),)),
        "incomplete": Turn(("cut",), stop_reason="max_tokens"),
        "requires_action": Turn((ToolCall("f"),)),
    }
    for status, turn in ends.items():
        client = connect(serve(Script.of(turn)))
        assert (await ask(client)).status == status
        assert (await heard(client))[-1].interaction.status == status
    client = connect(serve(Script.of(ends["completed"])))
    signatures = {said((await ask(client)).steps)[0][2] for _ in "abc"}
    assert len(signatures) == 3
    assert all(signature.startswith("sim-gemini-signature_") for signature in signatures)


async def test_arguments_that_are_no_object_are_sent_as_text(serve: Serve) -> None:
    server = serve(Script.of(ToolCall("f", arguments_json="[1, ")))
    _, body = post(server, PATH, {"model": "m", "input": "hi"})
    (step,) = json.loads(body)["steps"]
    assert (step["name"], step["arguments"]) == ("f", "[1, ")
    _, stream = post(server, PATH, {"model": "m", "input": "hi", "stream": True})
    frames = [frame.partition(b"data: ")[2] for frame in stream.split(b"\n\n")[:-2]]
    deltas = [json.loads(frame).get("delta", {}) for frame in frames]
    assert "".join(delta.get("arguments", "") for delta in deltas) == "[1, "


async def test_usage_in_googles_counting(serve: Serve, connect: Connect) -> None:
    usage = TokenUsage(
        input_tokens=10, cached_read_tokens=4, output_tokens=5, reasoning_tokens=3, audio_output_tokens=1
    )
    counted = (await ask(connect(serve(Script.of(Turn("x", usage=usage)))))).usage
    assert counted.model_dump(exclude_none=True, exclude={"initial_input_tokens"}) == {
        "total_input_tokens": 14,
        "input_tokens_by_modality": [{"modality": "text", "tokens": 14}],
        "total_cached_tokens": 4,
        "total_output_tokens": 6,
        "output_tokens_by_modality": [{"modality": "text", "tokens": 5}, {"modality": "audio", "tokens": 1}],
        "total_thought_tokens": 3,
        "total_tool_use_tokens": 0,
        "total_tokens": 23,
    }


# -- faults -------------------------------------------------------------------------------------------

LONG = Script.of("one two three four five")


async def test_statuses_have_the_apis_body(serve: Serve, connect: Connect) -> None:
    faults = [StatusFault(429, {"x-extra": "1"}, message="slow down"), StatusFault(503), StatusFault(599)]
    client = connect(serve(Script.of(Error(404, "gone", code="mine")), faults=faults))
    for status, code in (
        (429, "too_many_requests"),
        (503, "service_unavailable"),
        (599, "internal_server_error"),
    ):
        with pytest.raises(Exception) as caught:
            await heard(client)
        assert caught.value.status_code == status  # type: ignore[attr-defined]
        assert code in str(caught.value.body)  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="gone") as scripted:
        await ask(client)
    assert scripted.value.status_code == 404  # type: ignore[attr-defined]


async def test_the_sdks_own_retries_get_through(serve: Serve) -> None:
    server = serve(LONG, faults=[StatusFault(503, times=2)])
    options = types.HttpOptions(base_url=server.base_url_of("gemini"), api_version="v1beta")
    client = genai.Client(api_key="k", http_options=options)
    assert (await asyncio.to_thread(client.interactions.create, model="m", input="hi")).status == "completed"  # type: ignore[union-attr]
    client.close()
    assert [request.status for request in server.requests] == [503, 503, 200]


async def test_resets_truncations_and_malformed_events(serve: Serve, connect: Connect) -> None:
    faults = [ResetFault(4), ResetFault(1), TruncateFault(5, "chunks"), MalformedFault(4)]
    client = connect(serve(LONG, faults=faults))
    with pytest.raises(Exception, match=r"(?i)connection|incomplete|peer|reset|read"):
        await heard(client)
    with pytest.raises(Exception, match=r"(?i)connection|incomplete|peer|reset|read"):
        await ask(client)
    cut = await heard(client)
    assert [event.event_type for event in cut][-1] == "step.delta"
    spoiled = [event for event in await heard(client) if isinstance(event, str)]
    assert len(spoiled) == 1  # the SDK hands an event it cannot parse out as its text
    with pytest.raises(json.JSONDecodeError):
        json.loads(spoiled[0])
    assert told(await heard(client)) == [("text", "one two three four five")]


async def test_an_error_in_the_stream(serve: Serve, connect: Connect) -> None:
    faults = [ErrorEventFault(3, 504, "Deadline expired")]
    client = connect(serve(Script.of(["one two", Error(500, "broken")]), faults=faults))
    events = await heard(client)
    assert (events[-1].event_type, events[-1].error.code) == ("error", "gateway_timeout")
    assert events[-1].error.message == "Deadline expired"
    events = await heard(client)
    assert told(events) == [("text", "one two")]
    assert (events[-1].event_type, events[-1].error.message) == ("error", "broken")
    with pytest.raises(Exception, match="broken"):
        await ask(client)


async def test_slow_and_open_streams(serve: Serve, connect: Connect) -> None:
    server = serve(LONG, faults=[SlowFault(0.01), KeepOpenFault()])
    assert (await heard(connect(server)))[-1].event_type == "interaction.completed"
    read = b""
    with pytest.raises(httpx2.ReadTimeout):
        async with httpx2.AsyncClient(timeout=0.5) as plain:
            body = {"model": "m", "input": "hi", "stream": True}
            async with plain.stream("POST", server.url + PATH, json=body) as response:
                async for chunk in response.aiter_bytes():
                    read += chunk
    assert read.endswith(b"data: [DONE]\n\n")


# -- keys ---------------------------------------------------------------------------------------------


async def test_a_key_is_needed_when_the_server_says_so(serve: Serve, connect: Connect) -> None:
    server = serve(LONG, require_key=True)
    status, body = post(server, PATH, {"model": "m", "input": "hi"})
    fault = json.loads(body)["error"]
    assert (status, fault["status"], fault["details"][0]["reason"]) == (
        400,
        "INVALID_ARGUMENT",
        "API_KEY_INVALID",
    )
    assert (await ask(connect(server))).status == "completed"
    assert post(server, f"{PATH}?key=hidden", {"model": "m", "input": "hi"})[0] == 200
    assert "hidden" not in str(server.requests)


def test_a_refusal_has_the_apis_body(serve: Serve) -> None:
    status, body = post(serve(), PATH, {"input": "hi"})
    assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_request")
    status, body = post(serve(), PATH, {"model": "m", "input": "hi", "previous_interaction_id": "v1_x"})
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")


# -- what is refused ----------------------------------------------------------------------------------

CALL = {"type": "function_call", "id": "c1", "name": "f", "arguments": {}}
RESULT = {"type": "function_result", "call_id": "c1", "result": "x"}


def steps(*listed: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(listed)}


def user(*contents: Any) -> dict[str, Any]:
    return {"type": "user_input", "content": list(contents)}


def asking(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": "hi", **fields}


def choosing(choice: Any) -> dict[str, Any]:
    return asking(tools=[WEATHER], generation_config={"tool_choice": choice})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"input": "hi"}, "Exactly one of 'model' and 'agent'"),
    ({"model": "m"}, "must not be empty"),
    ({"model": "m", "input": ""}, "expected a list"),
    ({"model": "m", "input": []}, "must not be empty"),
    (asking(max_tokens=3), 'Unknown name "max_tokens": Cannot find field'),
    (asking(systemInstruction="x"), 'Unknown name "systemInstruction"'),
    (asking(system_instruction={"parts": []}), "TYPE_STRING"),
    (asking(stream="yes"), "TYPE_BOOL"),
    (asking(background=True), "not supported"),
    (asking(previous_interaction_id="x"), "not found"),
    (steps("hi"), "no type of step"),
    (steps({"role": "user", "content": "x"}), "no type of step"),
    (steps({"type": "message"}), "no type of step"),
    (steps(user(), CALL), "empty"),
    (steps(user({"type": "text"})), "TYPE_STRING"),
    (steps(user({"text": "x"})), "no type of content"),
    (steps(user({"type": "text", "text": "x", "role": "user"})), 'Unknown name "role"'),
    (steps({**user({"type": "text", "text": "x"}), "role": "user"}), 'Unknown name "role"'),
    (steps({"type": "text", "text": "x"}, CALL), "no type of step"),
    (steps(user({"type": "image", "mime_type": "image/png"})), "Exactly one of 'data' and 'uri'"),
    (steps(user({"type": "image", "data": PIXEL})), "Unsupported MIME type"),
    (steps(user({"type": "image", "data": "?", "mime_type": "image/png"})), "Base64 decoding failed"),
    (steps(user({"type": "image", "uri": "cat.png"})), "unsupported file uri"),
    (steps(user({"type": "image", "data": PIXEL, "mimeType": "image/png"})), 'Unknown name "mimeType"'),
    (steps({"type": "thought", "signature": "!"}), "Base64 decoding failed"),
    (steps({"type": "thought", "signature": "sim-mistral-signature_00"}), "Corrupted thought signature"),
    (steps({"type": "thought"}), "at least one of"),
    (steps({"type": "thought", "summary": "x"}), "expected a list"),
    (steps({**CALL, "arguments": "{}"}, RESULT), "google.protobuf.Struct"),
    (steps({**CALL, "name": "a b"}, RESULT), "Invalid function name"),
    (steps({**CALL, "id": None}, RESULT), "TYPE_STRING"),
    (steps({**CALL, "call_id": "c1"}, RESULT), 'Unknown name "call_id"'),
    (steps(CALL), "No function_result found for the function_call 'c1'"),
    (steps(RESULT), "No function_call found for the function_result with call_id 'c1'"),
    (steps(CALL, {**RESULT, "result": 3}), "an object, a string or a list"),
    (steps(CALL, {**RESULT, "output": "x"}), 'Unknown name "output"'),
    (asking(tools=[{"name": "f"}]), "'tools[0].type' is required"),
    (asking(tools=[{"type": "function", "function": {}}]), 'Unknown name "function"'),
    (asking(tools=[{"type": "function", "name": "a b"}]), "Invalid function name"),
    (asking(tools=[{"type": "function", "name": "f", "parameters": "x"}]), "google.protobuf.Struct"),
    (asking(generation_config={"maxOutputTokens": 3}), 'Unknown name "maxOutputTokens"'),
    (asking(generation_config={"max_output_tokens": 0}), "TYPE_INT32"),
    (asking(generation_config={"thinking_level": "extreme"}), "thinking_level"),
    (asking(generation_config={"thinking_summaries": "detailed"}), "thinking_summaries"),
    (choosing("required"), "tool_choice"),
    (choosing({"type": "function"}), 'Unknown name "type"'),
    (choosing({"allowed_tools": {"mode": "any", "tools": ["g"]}}), "not offered"),
    (asking(generation_config={"tool_choice": "any"}), "not offered"),
    (asking(response_format={"type": "json_schema"}), "response_format.type"),
    (asking(response_format={"type": "text", "schema": {"type": "object"}}), "response_format.mime_type"),
    (asking(response_format=[{"type": "text", "mime_type": "text/xml"}]), "response_format[0].mime_type"),
]


@pytest.mark.parametrize(("payload", "message"), BAD)
def test_bad_requests(payload: dict[str, Any], message: str) -> None:
    wire = GeminiInteractions()
    with pytest.raises(BadRequest) as caught:
        wire.read(payload, PATH)
    assert message in caught.value.message
    assert wire.refused(caught.value)["error"]["code"] in ("invalid_request", "not_found")


# -- what is read -------------------------------------------------------------------------------------


def test_a_history_is_read_into_messages() -> None:
    image = {"type": "image", "data": PIXEL, "mime_type": "image/png"}
    search = {"type": "google_search_call", "id": "s1", "arguments": {}}
    payload = {
        **steps(
            user({"type": "text", "text": "look"}, image),
            {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "hm"}]},
            search,
            {"type": "model_output", "content": [{"type": "text", "text": "well"}]},
            CALL,
            {**CALL, "id": "c2"},
            RESULT,
            {**RESULT, "call_id": "c2", "result": [{"type": "text", "text": "y"}, image], "is_error": True},
        ),
        "system_instruction": "be brief",
    }
    request = GeminiInteractions().read(payload, PATH).request
    assert request.system_instruction == "be brief"
    asked, answered, outputs = request.messages
    assert asked.content == (TextBlock(text="look"), ReceivedImage(data=b"\x89PNG", mime_type="image/png"))
    thought, hosted, text, first, _ = answered.content
    assert thought == ReasoningBlock(summary="hm", signature="c2ln")
    assert isinstance(hosted, OpaqueContent)
    assert hosted.data["item"] == search
    assert text == TextBlock(text="well")
    assert first == answered.tool_calls[0]
    assert [(out.call_id, out.is_error) for out in outputs.tool_outputs] == [("c1", False), ("c2", True)]


def test_contents_and_a_single_content_are_one_message() -> None:
    text = {"type": "text", "text": "hi"}
    for given_input in ([text, text], text, [text]):
        (message,) = GeminiInteractions().read({"model": "m", "input": given_input}, PATH).request.messages
        assert message.role == "user"
        assert message.text.startswith("hi")


def test_choice_and_schema_are_read() -> None:
    wire = GeminiInteractions()
    assert wire.read(choosing("any"), PATH).request.tool_choice == "required"
    assert wire.read(choosing("none"), PATH).request.tool_choice == "none"
    assert wire.read(choosing("validated"), PATH).request.tool_choice == "auto"
    one = choosing({"allowed_tools": {"mode": "any", "tools": ["weather"]}})
    assert wire.read(one, PATH).request.tool_choice == "weather"
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"type": "text", "mime_type": "application/json", "schema": schema}
    for fields in (
        {"response_format": form},
        {"response_format": [form]},
        {"response_format": schema, "response_mime_type": "application/json"},
    ):
        output = wire.read(asking(**fields), PATH).request.output_schema
        assert output is not None
        assert output.schema == schema
    loose = wire.read(asking(response_format={"type": "text", "mime_type": "application/json"}), PATH)
    assert loose.request.output_schema is not None
    assert wire.read(asking(response_format={"type": "text"}), PATH).request.output_schema is None
    assert wire.read(asking(response_format=[{"type": "image"}]), PATH).request.output_schema is None


# -- any script ---------------------------------------------------------------------------------------

TEXTS = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, st.sampled_from(["add", "weather"]), st.dictionaries(TEXTS, JSON, max_size=3))
REASONING = st.builds(
    lambda text, summary, raw: Reasoning(text, summary=summary, signature=base64.b64encode(raw).decode()),
    TEXTS,
    st.none() | TEXTS,
    st.binary(min_size=1, max_size=12),
)
STEPS = st.one_of(TEXTS.map(Text), CALLS, REASONING, TEXTS.map(Refusal), JSON.map(Structured))
TURNS = st.lists(STEPS, max_size=6).map(Turn)


class Stage:
    """One server and client for all examples; the turn is set before each."""

    turn = Turn(())
    client: genai.Client


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with SimServer(lambda request: stage.turn) as server:
        options = types.HttpOptions(
            base_url=server.base_url_of("gemini"), api_version="v1beta", retry_options=ONCE
        )
        stage.client = genai.Client(api_key="k", http_options=options)
        yield stage
        stage.client.close()


def scripted(turn: Turn) -> list[tuple[Any, ...]]:
    """The script in plain words, structured answers left out; an empty text is not sent."""
    words: list[tuple[Any, ...]] = []
    for step in turn.steps:
        if isinstance(step, ToolCall):
            words.append(("call", step.name, step.arguments))
        elif isinstance(step, Reasoning):
            words.append(("thought", (step.summary or "") + (step.text or ""), step.signature))
        elif isinstance(step, Text | Refusal) and step.text:
            words.append(("text", step.text))
        elif isinstance(step, Structured):
            words.append(("json", step.value))
    return words


@settings(deadline=None, max_examples=40)
@given(turn=TURNS)
def test_streamed_equals_unstreamed_equals_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    whole: Any = stage.client.interactions.create(model="m", input="hi")
    events = list(stage.client.interactions.create(model="m", input="hi", stream=True))

    def plain(words: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        without_ids = [(word[0], *word[2:]) if word[0] == "call" else word for word in words]
        return [
            ("json", json.loads(word[1])) if expected[0] == "json" else word
            for word, expected in zip(without_ids, scripted(turn), strict=True)
        ]

    assert plain(said(whole.steps or [])) == scripted(turn)
    assert plain(told(events)) == scripted(turn)
    final: Any = events[-1]
    assert final.event_type == "interaction.completed"
    assert final.interaction.status == whole.status
    assert final.interaction.usage.total_tokens == whole.usage.total_tokens
