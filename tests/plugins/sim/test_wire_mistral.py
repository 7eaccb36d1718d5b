"""The Mistral chat wire, through the real SDK: replies, streams, faults, and what is refused."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistralai.client import Mistral, errors
from mistralai.client.utils import BackoffStrategy, RetryConfig

from lamella.content import MediaContent, OpaqueContent, ReasoningBlock
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
from lamella_sim.wires import BadRequest, MistralChat

Serve = Callable[..., SimServer]
Connect = Callable[..., Mistral]

WIRE = MistralChat()
HI: Any = [{"role": "user", "content": "hi"}]
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "description": "W", "parameters": SCHEMA}}


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    clients: list[Mistral] = []

    def make(server: SimServer, **options: Any) -> Mistral:
        clients.append(Mistral(server_url=server.base_url_of("mistral.chat"), api_key="k", **options))
        return clients[-1]

    yield make
    for client in clients:
        await client.__aexit__(None, None, None)  # type: ignore[no-untyped-call]
        client.__exit__(None, None, None)  # type: ignore[no-untyped-call]


async def ask(client: Mistral, **fields: Any) -> Any:
    return await client.chat.complete_async(**{"model": "m", "messages": HI, **fields})


async def listen(client: Mistral, **fields: Any) -> list[Any]:
    stream = await client.chat.stream_async(**{"model": "m", "messages": HI, **fields})
    return [event.data async for event in stream]


class Heard:
    """A stream put together: thinking, text and calls as they would be in a whole message."""

    def __init__(self) -> None:
        self.chunks: list[dict[str, Any]] = []
        self.calls: list[Any] = []
        self.reason: str | None = None
        self.usage: Any = None

    def add(self, chunk: Any) -> None:
        (choice,) = chunk.choices
        content = choice.delta.content
        if isinstance(content, str):
            content = [{"type": "text", "text": content}] if content else []
        else:
            content = [part.model_dump(exclude_unset=True) for part in content or ()]
        for part in content:
            self._join(part)
        self.calls += choice.delta.tool_calls or []
        self.reason = choice.finish_reason or self.reason
        self.usage = chunk.usage or self.usage

    def _join(self, part: dict[str, Any]) -> None:
        last = self.chunks[-1] if self.chunks else None
        if last is None or last["type"] != part["type"]:
            self.chunks.append(part)
        elif part["type"] == "text":
            last["text"] += part["text"]
        else:
            last["thinking"][0]["text"] += part["thinking"][0]["text"]
            last.update({key: part[key] for key in ("signature", "closed") if key in part})


def content_of(message: Any) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"type": "text", "text": message.content}] if message.content else []
    return [part.model_dump(exclude_unset=True) for part in message.content]


# -- replies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_loop(serve: Serve, connect: Connect, streamed: bool) -> None:
    client = connect(serve())
    history: list[Any] = [{"role": "user", "content": "What's the weather in Paris and in Rome?"}]

    async def say() -> tuple[list[dict[str, Any]], list[Any], Any]:
        fields: Any = {"model": "mistral-small", "messages": history, "tools": [WEATHER]}
        if not streamed:
            (choice,) = (await ask(client, **fields)).choices
            return content_of(choice.message), choice.message.tool_calls or [], choice.finish_reason
        heard = Heard()
        for chunk in await listen(client, **fields):
            heard.add(chunk)
        return heard.chunks, heard.calls, heard.reason

    _, calls, reason = await say()
    assert reason == "tool_calls"
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", call.id) for call in calls)
    history.append({"role": "assistant", "content": "", "tool_calls": calls})
    for call in calls:
        history.append({"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "sunny"})
    chunks, calls, reason = await say()
    assert chunks[0]["text"] == (
        'According to weather(city="Paris"), the answer is sunny. '
        'According to weather(city="Rome"), the answer is sunny.'
    )
    assert (calls, reason) == ([], "stop")


async def test_the_stream_has_the_vendors_chunks(serve: Serve, connect: Connect) -> None:
    turn = [Reasoning("one two three", signature="mine"), "a b c"]
    chunks = await listen(connect(serve(Script.of(turn))))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    contents = [delta.content for delta in deltas[1:]]
    assert [type(content) for content in contents] == [list, list, list, str, str]
    assert [getattr(part, "closed", None) for content in contents[:3] for part in content[:1]] == [
        None,
        True,
        True,
    ]
    assert [part.type for part in contents[2]] == [
        "thinking",
        "text",
    ]  # the last of it and the first of the text
    assert (contents[2][0].signature, contents[2][1].text) == ("mine", "a")
    assert contents[3:] == [" b", " c"]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 5 + ["stop"]
    assert [chunk.usage is not None for chunk in chunks] == [False] * 5 + [True]


async def test_calls_come_whole_and_at_once(serve: Serve, connect: Connect) -> None:
    turn = ["I call.", ToolCall("f", {"x": 1}), Delay(0.01), ToolCall("g", {}, call_id="abcDEF123")]
    server = serve(Script.of(turn, turn))
    chunks = await listen(connect(server))
    last = chunks[-1].choices[0]
    assert [(call.index, call.function.name) for call in last.delta.tool_calls] == [(0, "f"), (1, "g")]
    assert last.delta.tool_calls[1].id == "abcDEF123"
    assert last.finish_reason == "tool_calls"
    assert chunks[-1].usage.total_tokens > 0
    assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks[:-1])
    async with httpx2.AsyncClient() as client:
        url = server.base_url_of("mistral.chat") + "/v1/chat/completions"
        response = await client.post(url, json={"model": "m", "messages": HI, "stream": True})
    frames = response.text.strip().split("\n\n")
    assert frames[-1] == "data: [DONE]"
    assert all("p" in json.loads(frame.removeprefix("data: ")) for frame in frames[1:-1])
    assert "mistral-correlation-id" in response.headers


async def test_reasoning_is_signed_and_comes_back(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of([Reasoning("text", summary="shown "), "a"], "second")))
    message = (await ask(client)).choices[0].message
    thinking, said = message.content
    assert (thinking.thinking[0].text, thinking.closed, said.text) == ("shown text", True, "a")
    assert thinking.signature.startswith("sim-mistral-signature_")
    other = (await ask(client)).choices[0].message
    assert other.content[0].signature != thinking.signature
    history = [*HI, message, {"role": "user", "content": "go on"}]
    assert (await ask(client, messages=history)).choices[0].message.content == "second"


@pytest.mark.parametrize("streamed", [False, True])
async def test_usage_keeps_mistrals_counting(serve: Serve, connect: Connect, streamed: bool) -> None:
    given_usage = TokenUsage(
        input_tokens=10,
        cached_read_tokens=4,
        cached_write_tokens=0,
        output_tokens=5,
        reasoning_tokens=3,
        audio_input_tokens=7,
    )
    client = connect(serve(Script.of(Turn("x", usage=given_usage))))
    usage = (await listen(client))[-1].usage if streamed else (await ask(client)).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (14, 8, 29)
    assert usage.prompt_tokens_details == {"cached_tokens": 4, "audio_tokens": 7}


async def test_finish_reasons(serve: Serve, connect: Connect) -> None:
    for reason, told in (("end_turn", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls")):
        client = connect(serve(Script((Turn("x", stop_reason=reason),))))  # type: ignore[arg-type]
        assert (await ask(client)).choices[0].finish_reason == told
    choice = (await ask(connect(serve(Script.of(Refusal("no")))))).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("no", "stop")


async def test_structured_output_and_tool_choice(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    form: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA, "strict": True}}
    message = (await ask(client, response_format=form)).choices[0].message
    assert set(json.loads(message.content)) == {"city"}
    loose = (await ask(client, response_format={"type": "json_object"})).choices[0].message
    assert isinstance(json.loads(loose.content), dict)
    now: Any = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
    choices: list[tuple[Any, list[str]]] = [
        ("none", []),
        ("auto", []),
        ("any", ["weather"]),
        ("required", ["weather"]),
        ({"type": "function", "function": {"name": "now"}}, ["now"]),
    ]
    for choice, names in choices:
        message = (await ask(client, tools=[WEATHER, now], tool_choice=choice)).choices[0].message
        assert [call.function.name for call in message.tool_calls or ()] == names
    two: Any = [{"role": "user", "content": "What's the weather in Paris and in Rome?"}]
    message = (await ask(client, messages=two, tools=[WEATHER], parallel_tool_calls=False)).choices[0].message
    assert len(message.tool_calls) == 1


# -- any script, streamed or not ------------------------------------------------------------------

TEXTS = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
STEPS = st.one_of(
    TEXTS.map(Text),
    TEXTS.map(Refusal),
    JSON.map(Structured),
    st.builds(ToolCall, st.sampled_from(["add", "weather"]), st.dictionaries(TEXTS, JSON, max_size=3)),
    st.text(min_size=1, max_size=9).map(lambda raw: ToolCall("add", arguments_json=raw, call_id="abc|1")),
    st.builds(
        lambda text, summary, signature: Reasoning(text, summary=summary, signature=signature),
        TEXTS,
        st.none() | TEXTS,
        st.text(min_size=1, max_size=9),
    ),
    st.just(Delay(0.0)),
)


class Stage:
    turn = Turn(())
    client: Mistral


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with (
        SimServer(lambda request: stage.turn) as server,
        Mistral(server_url=server.base_url_of("mistral.chat"), api_key="k") as stage.client,
    ):
        yield stage


@settings(deadline=None, max_examples=40)
@given(turn=st.lists(STEPS, max_size=6).map(Turn))
def test_streamed_and_whole_equal_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    whole = stage.client.chat.complete(model="m", messages=HI)
    message: Any = whole.choices[0].message
    heard = Heard()
    with stage.client.chat.stream(model="m", messages=HI) as stream:
        for event in stream:
            heard.add(event.data)
    calls = [(step.name, step.arguments_json) for step in turn.steps if isinstance(step, ToolCall)]
    for made in (message.tool_calls or [], heard.calls):
        assert [(call.function.name, call.function.arguments) for call in made] == calls
        assert [call.index for call in made] == list(range(len(calls)))
    assert heard.chunks == content_of(message)
    thoughts = [
        (step.summary or "") + (step.text or "") for step in turn.steps if isinstance(step, Reasoning)
    ]
    told = [chunk["thinking"][0]["text"] for chunk in heard.chunks if chunk["type"] == "thinking"]
    assert "".join(told) == "".join(thoughts)
    assert bool(told) == bool(thoughts)
    said = "".join(chunk["text"] for chunk in heard.chunks if chunk["type"] == "text")
    assert said == "".join(
        json.dumps(_thawed(step.value), ensure_ascii=False) if isinstance(step, Structured) else step.text
        for step in turn.steps
        if isinstance(step, Text | Refusal | Structured)
    )
    assert heard.reason == whole.choices[0].finish_reason
    assert heard.usage == whole.usage


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _thawed(held) for key, held in value.items()}
    return [_thawed(held) for held in value] if isinstance(value, tuple | list) else value


# -- faults ---------------------------------------------------------------------------------------


async def test_statuses_and_keys(serve: Serve, connect: Connect) -> None:
    faults = [StatusFault(429, {"retry-after": "1"}, message="slow"), StatusFault(503), StatusFault(401)]
    server = serve(Script.of("x"), faults=faults, require_key=True)
    client = connect(server)
    with pytest.raises(errors.SDKError, match="slow") as limited:
        await ask(client)
    told = json.loads(limited.value.body)
    assert (told["code"], told["type"], told["raw_status_code"]) == ("1300", "rate_limited", 429)
    assert limited.value.headers["retry-after"] == "1"
    with pytest.raises(errors.SDKError) as down:
        await listen(client)
    assert down.value.status_code == 503
    with pytest.raises(errors.SDKError) as denied:
        await ask(client)
    assert json.loads(denied.value.body) == {"detail": "injected fault"}
    assert (await ask(client)).choices
    async with httpx2.AsyncClient() as plain:
        url = server.base_url_of("mistral.chat") + "/v1/chat/completions"
        keyless = await plain.post(url, json={"model": "m", "messages": HI})
    assert keyless.status_code == 401
    assert list(keyless.json()) == ["detail"]


async def test_the_sdks_own_retries_get_through(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of("x"), faults=[StatusFault(500, times=2)])
    retries = RetryConfig("backoff", BackoffStrategy(1, 5, 1.0, 5000), False)
    assert (await ask(connect(server, retry_config=retries))).choices
    assert [request.status for request in server.requests] == [500, 500, 200]


async def test_broken_streams(serve: Serve, connect: Connect) -> None:
    faults = [ResetFault(3), TruncateFault(3, "chunks"), MalformedFault(3), SlowFault(5, after=2)]
    client = connect(serve(Script.of("one two three four"), faults=faults), timeout_ms=500)
    with pytest.raises(httpx2.TransportError):
        await listen(client)
    assert [chunk.choices[0].finish_reason for chunk in await listen(client)] == [None] * 3
    with pytest.raises(errors.ResponseValidationError):
        await listen(client)
    with pytest.raises(httpx2.ReadTimeout):
        await listen(client)


async def test_errors_in_the_stream(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of("one two"), faults=[ErrorEventFault(2, 503, "too busy", times=2)]))
    with pytest.raises(errors.ResponseValidationError) as caught:
        await listen(client)
    assert "too busy" in caught.value.body
    with pytest.raises(errors.SDKError, match="too busy") as whole:
        await ask(client)
    assert whole.value.status_code == 503
    scripted = connect(serve(Script.of([Reasoning("hm"), "partial", Error(500, "broke")])))
    with pytest.raises(errors.ResponseValidationError) as inside:
        await listen(scripted)
    assert "broke" in inside.value.body
    with pytest.raises(errors.SDKError, match="broke"):
        await ask(scripted)


async def test_a_response_that_is_not_ended(serve: Serve) -> None:
    server = serve(Script.of("x"), faults=[KeepOpenFault()])
    received = b""
    async with httpx2.AsyncClient(timeout=0.3) as client:
        url = server.base_url_of("mistral.chat") + "/v1/chat/completions"
        with pytest.raises(httpx2.ReadTimeout):
            async with client.stream(
                "POST", url, json={"model": "m", "messages": HI, "stream": True}
            ) as reply:
                async for piece in reply.aiter_bytes():
                    received += piece
    assert received.endswith(b"data: [DONE]\n\n")


async def test_the_vendors_words_for_what_is_not_there(serve: Serve) -> None:
    server = serve()
    async with httpx2.AsyncClient() as client:
        missing = await client.post(server.url + "/mistral/v1/nothing", json={})
        broken = await client.post(server.url + "/mistral/v1/chat/completions", content=b"[]")
    assert (missing.status_code, missing.json()["object"]) == (404, "error")
    assert missing.json()["raw_status_code"] == 404
    assert (broken.status_code, broken.json()["object"]) == (400, "error")
    assert "OpenAI" not in broken.text


# -- what is refused ------------------------------------------------------------------------------


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages) or HI, **fields}


def assistant(*call_ids: str, **fields: Any) -> dict[str, Any]:
    calls = [{"id": each, "function": {"name": "f", "arguments": "{}"}} for each in call_ids]
    return {"role": "assistant", "content": "" if calls else "x", "tool_calls": calls, **fields}


def tool(call_id: str = "abcdefgh1", content: Any = "y", **fields: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


def user(*chunks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(chunks) or "go"}


ONE, TWO = "abcdefgh1", "abcdefgh2"
SYSTEM = {"role": "system", "content": "x"}

MISFITS: list[tuple[dict[str, Any], str, list[Any]]] = [
    ({"messages": HI}, "missing", ["model"]),
    ({"model": "m"}, "missing", ["messages"]),
    (body(stream_options={}), "extra_forbidden", ["stream_options"]),
    (body(seed=1), "extra_forbidden", ["seed"]),
    (body(max_tokens="5"), "int_type", ["max_tokens"]),
    (body(max_tokens=-1), "greater_than_equal", ["max_tokens"]),
    (body(temperature=2), "less_than_equal", ["temperature"]),
    (body(top_p=-0.1), "greater_than_equal", ["top_p"]),
    (body(reasoning_effort="huge"), "literal_error", ["reasoning_effort"]),
    (body(prompt_mode="deep"), "literal_error", ["prompt_mode"]),
    ({"model": "m", "messages": []}, "too_short", ["messages"]),
    (body({"role": "developer", "content": "x"}), "literal_error", ["messages", 0, "role"]),
    (body({"role": "user"}), "missing", ["messages", 0, "user", "content"]),
    (body({"role": "user", "content": 3}), "string_type", ["messages", 0, "user", "content"]),
    (body({**user(), "name": "n"}), "extra_forbidden", ["messages", 0, "user", "name"]),
    (
        body(user(), assistant(reasoning_content="x"), user()),
        "extra_forbidden",
        ["messages", 1, "assistant", "reasoning_content"],
    ),
    (
        body(user(), {"role": "assistant", "tool_calls": [{"id": ONE}]}),
        "missing",
        ["messages", 1, "assistant", "tool_calls", 0, "function"],
    ),
    (body(user({"type": "video"})), "union_tag_invalid", ["messages", 0, "user", "content", 0]),
    (body(user({"text": "x"})), "missing", ["messages", 0, "user", "content", 0, "type"]),
    (
        body(user({"type": "thinking", "thinking": []})),
        "union_tag_invalid",
        ["messages", 0, "user", "content", 0],
    ),
    (
        body(user({"type": "input_audio", "input_audio": ["x"]})),
        "string_type",
        ["messages", 0, "user", "content", 0, "input_audio", "input_audio"],
    ),
    (
        body(user({"type": "image_url", "image_url": {"url": "https://x", "size": 1}})),
        "extra_forbidden",
        ["messages", 0, "user", "content", 0, "image_url", "image_url", "size"],
    ),
    (
        body(tools=[{"type": "function", "function": {"name": "f"}}]),
        "missing",
        ["tools", 0, "function", "parameters"],
    ),
    (body(tools=[{"type": "custom"}]), "literal_error", ["tools", 0, "type"]),
    (body(tool_choice="always"), "literal_error", ["tool_choice"]),
    (body(tool_choice={"name": "f"}), "missing", ["tool_choice", "function"]),
    (body(response_format={"type": "xml"}), "literal_error", ["response_format", "type"]),
    (body(response_format={"type": "json_schema"}), "missing", ["response_format", "json_schema"]),
    (
        body(response_format={"type": "json_schema", "json_schema": {"name": "n"}}),
        "missing",
        ["response_format", "json_schema", "schema"],
    ),
]


@pytest.mark.parametrize(
    ("payload", "kind", "place"), MISFITS, ids=[str(index) for index in range(len(MISFITS))]
)
def test_what_does_not_fit_the_form_is_a_422(payload: dict[str, Any], kind: str, place: list[Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        WIRE.read(payload, "")
    assert caught.value.status == 422
    (detail,) = WIRE.refused(caught.value)["detail"]
    assert (detail["type"], detail["loc"]) == (kind, ["body", *place])


LAST = "Expected last role User or Tool (or Assistant with prefix True) for serving but got"
BAD: list[tuple[dict[str, Any], str, str | None]] = [
    (body(user(), assistant("call_1"), tool("call_1")), "Tool call id was call_1 but must be", "3280"),
    (body(user(), assistant(ONE), tool("null")), "Tool call id was null but must be", "3280"),
    (body(user(), {"role": "tool", "content": "y"}), "Tool call id was null but must be", "3280"),
    (body(user(), assistant(ONE), tool(), user()), "Unexpected role 'user' after role 'tool'", "3230"),
    (body(user(), tool()), "Unexpected role 'tool' after role 'user'", "3230"),
    (body(user(), assistant(), SYSTEM, user()), "Unexpected role 'system' after role 'assistant'", "3230"),
    (body(user(), assistant()), f"{LAST} assistant", "3230"),
    (body(SYSTEM), f"{LAST} system", "3230"),
    (
        body(user(), assistant(ONE, TWO), tool()),
        "Not the same number of function calls and responses",
        "3230",
    ),
    (body(user(), assistant(ONE), user()), "Not the same number of function calls and responses", "3230"),
    (body(user(), assistant(ONE), tool(TWO)), f"Unexpected tool call id {TWO} in tool results", "3230"),
    (body(user(), assistant(ONE), tool(), tool()), f"Unexpected tool call id {ONE} in tool results", "3230"),
    (body(user(), {"role": "assistant", "content": ""}), "must have either content or tool_calls", "3240"),
    (
        body(tools=[{"function": {"name": "a b", "parameters": {}}}]),
        "Function name was a b but must be",
        "3280",
    ),
    (body(user({"type": "image_url", "image_url": "cat.png"})), "Invalid URL", "3310"),
    (body(user({"type": "image_url", "image_url": "data:image/png,x"})), "Invalid data URL", "3310"),
    (body(user({"type": "input_audio", "input_audio": "???"})), "not base64", "3310"),
    (
        body(
            user(),
            assistant(
                content=[{"type": "thinking", "thinking": [], "signature": "sim-anthropic-signature_1"}]
            ),
            user(),
        ),
        "Invalid signature in thinking chunk",
        "3051",
    ),
    (body(tool_choice={"function": {"name": "f"}}), "function f is not among the tools", None),
    (body(n=2), "'n' must be 1", None),
    (body({"role": "user", "content": ""}), "its text is empty", "None"),
]


@pytest.mark.parametrize(("payload", "message", "code"), BAD, ids=[str(index) for index in range(len(BAD))])
def test_bad_requests(payload: dict[str, Any], message: str, code: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        WIRE.read(payload, "")
    refused = WIRE.refused(caught.value)
    assert message in refused["message"]
    assert (refused["object"], refused["raw_status_code"], caught.value.status) == ("error", 400, 400)
    assert str(refused["code"]) == str(code)


async def test_refusals_reach_the_sdk(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    with pytest.raises(errors.HTTPValidationError) as misfit:
        await ask(client, temperature=3)
    assert misfit.value.data.detail is not None
    assert misfit.value.data.detail[0].loc == ["body", "temperature"]
    with pytest.raises(errors.SDKError, match="must be a-z, A-Z, 0-9, with a length of 9") as refused:
        await listen(client, messages=[user(), assistant("call_1"), tool("call_1")])
    assert json.loads(refused.value.body)["type"] == "invalid_function_call"


def test_a_history_is_read_into_messages() -> None:
    data = base64.b64encode(b"12345").decode()
    thinking = [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": f"data:image/png;base64,{data}"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {"type": "document_url", "document_url": "https://example.com/a.pdf", "document_name": "a"},
        {"type": "input_audio", "input_audio": data},
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        {"type": "file", "file_id": "f1"},
        {"type": "reference", "reference_ids": [1]},
    ]
    said = [
        {"type": "thinking", "thinking": thinking, "signature": "sig", "closed": True},
        {"type": "text", "text": "x"},
    ]
    payload = body(
        {
            "role": "system",
            "content": [{"type": "text", "text": "rules"}, {"type": "thinking", "thinking": thinking}],
        },
        user(*parts),
        assistant(ONE, TWO, content=said),
        tool(ONE),
        tool(
            TWO,
            [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": "https://x/a.png"}],
            name="f",
        ),
        assistant(content="pre", prefix=True),
        tools=[WEATHER, {"type": "image_generation"}],
        response_format={"type": "text"},
    )
    request = WIRE.read(payload, "").request
    assert [message.role for message in request.messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert request.messages[0].text == "ruleshm"
    _, image, linked, document, audio, wav, file, reference = request.messages[1].content
    media = [
        block for block in (image, linked, document, audio, wav, file) if isinstance(block, MediaContent)
    ]
    assert [block.data for block in media] == [b"12345", None, None, b"12345", b"12345", None]
    assert (media[0].mime_type, media[2].url) == ("image/png", "https://example.com/a.pdf")
    assert (media[5].file_id, media[5].provider) == ("f1", "mistral")
    assert isinstance(reference, OpaqueContent)
    thought = request.messages[2].content[0]
    assert isinstance(thought, ReasoningBlock)
    assert (thought.text, thought.signature, thought.provider) == ("hm", "sig", "mistral")
    first, second = request.messages[3].tool_outputs
    assert first.text == "y"
    assert isinstance(second.output[1], MediaContent)
    assert [tool.name for tool in request.tools] == ["weather"]
    assert request.output_schema is None


def test_arguments_may_be_an_object() -> None:
    call = {"id": ONE, "function": {"name": "f", "arguments": {"a": 1}}}
    request = WIRE.read(body(user(), {"role": "assistant", "tool_calls": [call]}, tool()), "").request
    assert request.messages[1].tool_calls[0].arguments == {"a": 1}
