"""The Anthropic Messages wire, through the real SDK: replies, streams, faults, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from lamella_sim.wires import AnthropicMessages, BadRequest

Serve = Callable[..., SimServer]
Connect = Callable[..., anthropic.AsyncAnthropic]

WIRE = AnthropicMessages()
NEW, OLD = {"anthropic-version": "2026-10-21"}, {"anthropic-version": "2023-06-01"}
HI: Any = [{"role": "user", "content": "hi"}]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {"name": "weather", "description": "Weather", "input_schema": SCHEMA}


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    clients: list[anthropic.AsyncAnthropic] = []

    def make(server: SimServer, **options: Any) -> anthropic.AsyncAnthropic:
        kwargs = {"api_key": "k", "max_retries": 0, "timeout": 10, **options}
        clients.append(anthropic.AsyncAnthropic(base_url=server.base_url_of("anthropic.messages"), **kwargs))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


async def ask(client: anthropic.AsyncAnthropic, **fields: Any) -> Any:
    return await client.messages.create(**{"model": "m", "max_tokens": 50, "messages": HI, **fields})


async def listen(client: anthropic.AsyncAnthropic, **fields: Any) -> list[Any]:
    return [event async for event in await ask(client, stream=True, **fields)]


# -- replies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_loop(serve: Serve, connect: Connect, streamed: bool) -> None:
    client = connect(serve())
    history: list[Any] = [{"role": "user", "content": "What's the weather in Paris and in Rome?"}]

    async def say() -> Any:
        fields: Any = {"model": "claude", "max_tokens": 50, "messages": history, "tools": [WEATHER]}
        if not streamed:
            return await client.messages.create(**fields)
        async with client.messages.stream(**fields) as stream:
            return await stream.get_final_message()

    first = await say()
    assert first.stop_reason == "tool_use"
    assert [(block.name, block.input) for block in first.content] == [
        ("weather", {"city": "Paris"}),
        ("weather", {"city": "Rome"}),
    ]
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": said, "is_error": failed}
        for block, said, failed in zip(first.content, ("sunny", "no such city"), (False, True), strict=True)
    ]
    history += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = await say()
    assert second.content[0].text == (
        'According to weather(city="Paris"), the answer is sunny. weather(city="Rome") failed: no such city.'
    )
    assert (second.stop_reason, second.model) == ("end_turn", "sim-claude")


async def test_reasoning_is_signed_and_comes_back(serve: Serve, connect: Connect) -> None:
    turn = [
        Reasoning("text", summary="shown "),
        Reasoning(signature="sealed"),
        "a",
        Reasoning("x", signature="mine"),
    ]
    server = serve(Script.of([*turn, "b"], "second"))
    client = connect(server)
    message = await ask(client)
    thinking, redacted, _said, mine, _ = message.content
    assert (thinking.type, thinking.thinking) == ("thinking", "shown text")
    assert thinking.signature.startswith("sim-anthropic-signature_")
    assert (redacted.type, redacted.data) == ("redacted_thinking", "sealed")
    assert (mine.type, mine.signature) == ("thinking", "mine")
    other = await ask(client)
    assert other.content[0].signature != thinking.signature
    history: Any = [
        *HI,
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": "go on"},
    ]
    assert (await ask(client, messages=history)).content[0].text == "second"
    hidden = await ask(client, thinking={"type": "adaptive", "display": "omitted"})
    assert hidden.content[0].thinking == ""


async def test_the_stream_has_the_vendors_events(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of([Reasoning("t u"), "a b", Delay(0.01), ToolCall("f", {"x": 1})]))
    async with httpx2.AsyncClient() as client:
        body = {"model": "m", "max_tokens": 5, "messages": HI, "stream": True}
        url = server.base_url_of("anthropic.messages") + "/v1/messages"
        response = await client.post(url, json=body, headers={**NEW, "x-api-key": "k"})
    frames = [frame.split("\n") for frame in response.text.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in frames]
    assert [name.removeprefix("event: ") for name, _ in frames] == [event["type"] for event in events]
    assert [event["type"].removeprefix("content_block_") for event in events] == [
        *("message_start", "start", "ping", "delta", "delta", "delta", "stop"),
        *("start", "delta", "delta", "stop", "start", "delta", "delta", "delta", "stop"),
        *("message_delta", "message_stop"),
    ]
    assert any(data.endswith("  }") for _, data in frames)
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert starts[0] == {"type": "thinking", "thinking": "", "signature": ""}
    assert (starts[2]["input"], starts[2]["name"]) == ({}, "f")
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert [delta["type"] for delta in deltas].count("signature_delta") == 1
    assert [delta["partial_json"] for delta in deltas[-3:]] == ["", '{"x":', " 1}"]
    assert "request-id" in response.headers


@pytest.mark.parametrize("streamed", [False, True])
async def test_usage_keeps_anthropics_counting(serve: Serve, connect: Connect, streamed: bool) -> None:
    usage = TokenUsage(
        input_tokens=10, cached_read_tokens=4, cached_write_tokens=2, output_tokens=5, reasoning_tokens=3
    )
    client = connect(serve(Script.of(Turn("x", usage=usage))))
    if streamed:
        events = await listen(client)
        start, counted = events[0].message.usage, events[-2].usage
        assert (start.input_tokens, start.cache_read_input_tokens, start.output_tokens) == (10, 4, 1)
        assert start.cache_creation.ephemeral_5m_input_tokens == 2
    else:
        counted = (await ask(client)).usage
    assert (counted.input_tokens, counted.cache_read_input_tokens) == (10, 4)
    assert (counted.cache_creation_input_tokens, counted.output_tokens) == (2, 8)
    assert counted.output_tokens_details.thinking_tokens == 3


async def test_stop_reasons(serve: Serve, connect: Connect) -> None:
    for given_reason, told in (
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("content_filter", "refusal"),
        ("pause", "pause_turn"),
        ("stop_sequence", "stop_sequence"),
    ):
        client = connect(serve(Script((Turn("x", stop_reason=given_reason),))))  # type: ignore[arg-type]
        message = await ask(client, stop_sequences=["END"])
        assert message.stop_reason == told
        assert message.stop_sequence == ("END" if told == "stop_sequence" else None)
    client = connect(serve(Script.of(Refusal("I will not."))))
    message = await ask(client)
    assert (message.stop_reason, message.content[0].text) == ("refusal", "I will not.")
    assert message.stop_details is not None
    assert (await listen(client))[-2].delta.stop_details == message.stop_details


async def test_structured_output_and_tool_choice(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    config: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    message = await ask(client, output_config=config)
    assert set(json.loads(message.content[0].text)) == {"city"}
    scripted = connect(serve(Script.of(Structured({"a": 1}))))
    assert (await ask(scripted)).content[0].text == '{"a": 1}'
    now: Any = {"name": "now", "input_schema": {"type": "object"}}
    choices: list[tuple[Any, list[str]]] = [
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
        ({"type": "any", "disable_parallel_tool_use": True}, ["weather"]),
        ({"type": "tool", "name": "now"}, ["now"]),
    ]
    for choice, names in choices:
        message = await ask(client, tools=[WEATHER, now], tool_choice=choice)
        assert [block.name for block in message.content if block.type == "tool_use"] == names
    two: Any = [{"role": "user", "content": "What's the weather in Paris and in Rome?"}]
    one = {"type": "auto", "disable_parallel_tool_use": True}
    message = await ask(client, messages=two, tools=[WEATHER], tool_choice=one)
    assert len(message.content) == 1


async def test_arguments_that_are_no_object(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of(ToolCall("f", arguments_json='{"a": ', call_id="c|1"))))
    (block,) = (await ask(client)).content
    assert block.input == {"INVALID_JSON": '{"a": '}
    assert block.id.startswith("toolu_")
    pieces = [
        event.delta.partial_json for event in await listen(client) if event.type == "content_block_delta"
    ]
    assert "".join(pieces) == '{"a": '


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
    st.builds(
        lambda text, summary, signature: Reasoning(text, summary=summary, signature=signature),
        TEXTS,
        st.none() | TEXTS,
        st.text(min_size=1, max_size=9),
    ),
    st.text(min_size=1, max_size=9).map(lambda sealed: Reasoning(signature=sealed)),
)


class Stage:
    turn = Turn(())
    client: anthropic.Anthropic


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with SimServer(lambda request: stage.turn) as server:
        url = server.base_url_of("anthropic.messages")
        with anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as stage.client:
            yield stage


def spoken(step: Any) -> dict[str, Any] | None:
    """What a step is on this wire; ids are left out."""
    if isinstance(step, ToolCall):
        return {"type": "tool_use", "name": step.name, "input": json.loads(step.arguments_json)}
    if isinstance(step, Reasoning):
        if step.text is None:
            return {"type": "redacted_thinking", "data": step.signature}
        thought = (step.summary or "") + step.text
        return {"type": "thinking", "thinking": thought, "signature": step.signature}
    text = json.dumps(_thawed(step.value), ensure_ascii=False) if isinstance(step, Structured) else step.text
    return {"type": "text", "text": text} if text else None


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _thawed(held) for key, held in value.items()}
    return [_thawed(held) for held in value] if isinstance(value, tuple | list) else value


def heard(message: Any) -> list[dict[str, Any]]:
    dumped = [block.model_dump(exclude_none=True) for block in message.content]
    left_out = ("id", "caller", "parsed_output")
    return [{key: held for key, held in block.items() if key not in left_out} for block in dumped]


@settings(deadline=None, max_examples=40)
@given(turn=st.lists(STEPS, max_size=5).map(Turn))
def test_streamed_and_whole_equal_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    expected = [said for step in turn.steps if (said := spoken(step)) is not None]
    whole = stage.client.messages.create(model="m", max_tokens=9, messages=HI)
    with stage.client.messages.stream(model="m", max_tokens=9, messages=HI) as stream:
        final = stream.get_final_message()
    assert heard(whole) == expected
    assert heard(final) == expected
    assert (final.stop_reason, final.stop_details) == (whole.stop_reason, whole.stop_details)
    assert final.usage == whole.usage


# -- faults ---------------------------------------------------------------------------------------


async def test_statuses_and_keys(serve: Serve, connect: Connect) -> None:
    faults = [
        StatusFault(529, {"request-id": "req_mine", "retry-after": "1"}),
        StatusFault(429, message="slow", code="rate_limited_by_tests"),
        StatusFault(413),
    ]
    server = serve(Script.of("x"), faults=faults, require_key=True)
    client = connect(server)
    with pytest.raises(anthropic.APIStatusError) as overloaded:
        await ask(client)
    assert (overloaded.value.type, overloaded.value.request_id) == ("overloaded_error", "req_mine")
    with pytest.raises(anthropic.RateLimitError, match="slow") as limited:
        await ask(client)
    assert (limited.value.type, limited.value.error_code) == ("rate_limit_error", "rate_limited_by_tests")
    with pytest.raises(anthropic.APIStatusError) as large:
        await ask(client)
    assert large.value.body["error"]["type"] == "request_too_large"  # type: ignore[index]
    assert (await ask(client)).content
    assert [request.status for request in server.requests] == [529, 429, 413, 200]
    for headers in ({}, {"x-api-key": "k"}, {"authorization": "Bearer k"}):
        async with httpx2.AsyncClient() as plain:
            body = {"model": "m", "max_tokens": 5, "messages": HI}
            url = server.base_url_of("anthropic.messages") + "/v1/messages"
            response = await plain.post(url, json=body, headers={**OLD, **headers})
        assert response.status_code == (200 if headers else 401)
        if not headers:
            assert response.json()["error"]["type"] == "authentication_error"


async def test_broken_streams(serve: Serve, connect: Connect) -> None:
    faults = [ResetFault(3), TruncateFault(4, "chunks"), MalformedFault(3), SlowFault(5, after=2)]
    client = connect(serve(Script.of("one two three"), faults=faults), timeout=0.5)
    with pytest.raises(httpx2.TransportError):
        await listen(client)
    assert [event.type for event in await listen(client)][-1] == "content_block_delta"
    with pytest.raises(json.JSONDecodeError):
        await listen(client)
    with pytest.raises((httpx2.ReadTimeout, anthropic.APITimeoutError)):
        await listen(client)


async def test_errors_in_the_stream(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of("one two"), faults=[ErrorEventFault(3, 529, "too busy", times=2)])
    client = connect(server)
    with pytest.raises(anthropic.APIStatusError, match="too busy") as caught:
        await listen(client)
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")
    assert caught.value.body["request_id"].startswith("req_")  # type: ignore[index]
    with pytest.raises(anthropic.APIStatusError, match="too busy") as whole:
        await ask(client)
    assert whole.value.status_code == 529
    scripted = connect(serve(Script.of(["partial", Error(500, "broke")])))
    with pytest.raises(anthropic.APIStatusError, match="broke") as inside:
        await listen(scripted)
    assert inside.value.type == "api_error"
    with pytest.raises(anthropic.InternalServerError):
        await ask(scripted)


async def test_a_response_that_is_not_ended(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of("x"), faults=[KeepOpenFault()]), timeout=0.3)
    seen = []
    with pytest.raises((httpx2.ReadTimeout, anthropic.APITimeoutError)):
        async for event in await ask(client, stream=True):
            seen.append(event.type)
    assert seen[-1] == "message_stop"


async def test_the_vendors_words_for_what_is_not_there(serve: Serve) -> None:
    server = serve()
    async with httpx2.AsyncClient() as client:
        missing = await client.post(server.url + "/anthropic/v1/nothing", json={})
        broken = await client.post(server.url + "/anthropic/v1/messages", content=b"{", headers=NEW)
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    assert missing.headers["request-id"] == missing.json()["request_id"]
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    assert broken.json()["error"]["message"] == "The request body is not valid JSON"


# -- what is refused ------------------------------------------------------------------------------


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 2000, "messages": list(messages) or HI, **fields}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(said: str = "x", **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **fields}


def use(call_id: str = "t1", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}, **fields}


def result(call_id: str = "t1", **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "y", **fields}


def thinking(signature: str = "sig") -> dict[str, Any]:
    return {"type": "thinking", "thinking": "hm", "signature": signature}


def image(**source: Any) -> dict[str, Any]:
    return {"type": "image", "source": source}


PNG = base64.b64encode(b"12345").decode()
GO = user(text("go"))
MARKED = text(cache_control={"type": "ephemeral"})

BAD: list[tuple[dict[str, Any], str]] = [
    ({"model": "m", "messages": HI}, "max_tokens: Field required"),
    ({"max_tokens": 1, "messages": HI}, "model: Field required"),
    (body(max_tokens="5"), "max_tokens: Input should be a valid integer"),
    (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
    (body(foo=1), "foo: Extra inputs are not permitted"),
    ({**body(), "messages": []}, "messages: at least one message is required"),
    (body({"role": "tool", "content": "x"}), "messages.0.role: Input should be"),
    (body({"role": "user", "content": "x", "name": "n"}), "messages.0.name: Extra inputs"),
    (body(assistant(text())), 'messages: first message must use the "user" role'),
    (body({"role": "system", "content": "x"}, GO), 'messages: first message must use the "user" role'),
    (body(user()), "messages.0: all messages must have non-empty content"),
    (body({"role": "user", "content": ""}), "messages.0: all messages must have non-empty content"),
    (body(user(text(""))), "messages: text content blocks must be non-empty"),
    (body({"role": "user", "content": " \n"}), "text content blocks must contain non-whitespace text"),
    (body(user({"type": "video"})), "messages.0.content.0: Input tag 'video'"),
    (body(user({"text": "x"})), "messages.0.content.0.type: Field required"),
    (body(user({"type": "text"})), "messages.0.content.0.text.text: Field required"),
    (body(user(text(foo=1))), "messages.0.content.0.text.foo: Extra inputs are not permitted"),
    (body(user(text(cache_control={"type": "forever"}))), "text.cache_control: Input tag 'forever'"),
    (
        body(user(text(cache_control={"type": "ephemeral", "ttl": "2d"}))),
        "ephemeral.ttl: Input should be '5m' or",
    ),
    (body(user(*[MARKED] * 5)), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    (
        body(user(image(type="base64", media_type="image/png", data="?"))),
        "source.base64.data: invalid base64",
    ),
    (
        body(user(image(type="base64", media_type="image/tiff", data=PNG))),
        "source.base64.media_type: Input should",
    ),
    (body(user(image(type="url", url="data:image/png;base64,x"))), "source.url.url: Only HTTP"),
    (body(user(image(type="url"))), "source.url.url: Field required"),
    (body(GO, assistant(image(type="file", file_id="f"), text())), "can only be in `user` messages"),
    (body(user(use())), "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages"),
    (body(GO, assistant(use("c|1")), user(result("c|1"))), "tool_use.id: String should match pattern"),
    (
        body(GO, assistant(use(input="{}")), user(result())),
        "tool_use.input: Input should be a valid dictionary",
    ),
    (
        body(GO, assistant(use(), use()), user(result())),
        "messages.1.content.1: `tool_use` ids must be unique",
    ),
    (body(GO, assistant(use())), "messages.1: `tool_use` ids were found without `tool_result` blocks"),
    (body(GO, assistant(use()), GO), "without `tool_result` blocks immediately after: t1."),
    (
        body(GO, assistant(use()), user(text(), result())),
        "without `tool_result` blocks immediately after: t1.",
    ),
    (body(GO, assistant(use(), use("t2")), user(result())), "immediately after: t2."),
    (
        body(user(result())),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1.",
    ),
    (body(GO, assistant(use()), user(result(), result())), "Found multiple `tool_result` blocks with id: t1"),
    (
        body(GO, assistant(use()), user(result(content="", is_error=True))),
        "content cannot be empty if `is_error` is true",
    ),
    (body(GO, assistant(use()), user(result(content=None))), "tool_result.content: Input should be a valid"),
    (body(GO, assistant(use()), user(result(content=[text("")]))), "text content blocks must be non-empty"),
    (
        body(GO, assistant({"type": "thinking", "thinking": "x"}, text())),
        "thinking.signature: Field required",
    ),
    (
        body(GO, assistant(thinking(""), text())),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    (
        body(GO, assistant(thinking("sim-mistral-signature_1"), text())),
        "Invalid `signature` in `thinking` block",
    ),
    (body(GO, assistant(thinking())), "The final block in an assistant message cannot be `thinking`."),
    (body(GO, assistant(text("x "))), "final assistant content cannot end with trailing whitespace"),
    (
        body(GO, {"role": "system", "content": "x"}, GO),
        "messages.1: role 'system' must precede an 'assistant' message or end the array",
    ),
    (
        body(GO, assistant({"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}, text())),
        "unexpected `tool_use_id` found in `web_search_tool_result` blocks: s1.",
    ),
    (body(system=[{"type": "image"}]), "system.0: Input tag 'image'"),
    (body(system="  "), "system: text content blocks must be non-empty"),
    (body(thinking={"type": "enabled", "budget_tokens": 10}), "budget_tokens: Input should be greater than"),
    (body(thinking={"type": "enabled", "budget_tokens": 2000}), "`max_tokens` must be greater than"),
    (
        body(thinking={"type": "adaptive"}, tools=[WEATHER], tool_choice={"type": "any"}),
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (body(thinking={"type": "deep"}), "thinking: Input tag 'deep'"),
    (body(stop_sequences=[" "]), "stop_sequences: each stop sequence must contain non-whitespace"),
    (body(tools=[{**WEATHER, "name": "a b"}]), "tools.0.custom.name: String should match pattern"),
    (
        body(tools=[{**WEATHER, "parameters": {}}]),
        "tools.0.custom.parameters: Extra inputs are not permitted",
    ),
    (body(tools=[{"name": "f", "input_schema": {}}]), "tools.0.custom.input_schema.type: Field required"),
    (
        body(tools=[{"name": "f", "input_schema": {"type": "object", "anyOf": []}}]),
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    (
        body(tools=[{"name": "f", "input_schema": {"type": "object"}, "strict": True}]),
        "'additionalProperties' must be explicitly set to false",
    ),
    (body(tools=[WEATHER, WEATHER]), "tools: Tool names must be unique."),
    (body(tools=[{"type": "function"}]), "tools.0: Input tag 'function'"),
    (body(tool_choice="auto"), "tool_choice: Input should be a valid dictionary"),
    (body(tool_choice={"type": "required"}), "tool_choice: Input tag 'required'"),
    (body(tool_choice={"type": "tool", "name": "f"}), "Tool 'f' not found in provided tools"),
    (body(output_config={"effort": "huge"}), "output_config.effort: Input should be 'low', "),
    (
        body(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}),
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (
        body(output_config={"format": {"type": "json_object"}}),
        "output_config.format: Input tag 'json_object'",
    ),
]


@pytest.mark.parametrize(("payload", "message"), BAD, ids=[str(index) for index in range(len(BAD))])
def test_bad_requests(payload: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        WIRE.read(payload, "")
    refused = WIRE.refused(caught.value)
    assert message in refused["error"]["message"]
    assert (refused["type"], refused["error"]["type"]) == ("error", "invalid_request_error")
    assert caught.value.status == 400


DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
BAD_HEADERS: list[tuple[dict[str, Any], dict[str, str], str]] = [
    (body(), {}, "anthropic-version: header is required"),
    (body(), {"anthropic-version": "2024-01-01"}, "is not a valid version"),
    *[
        (body(**{name: 1}), NEW, f"{name}: Extra inputs are not permitted")
        for name in ("temperature", "top_p", "top_k")
    ],
    (body(mcp_servers=[]), OLD, "mcp_servers: Extra inputs are not permitted"),
    (body(GO, assistant(DOCUMENT)), NEW, "not permitted in assistant messages"),
    (body(user(text(citations=[{}]))), NEW, "citations are not permitted in user messages"),
]


@pytest.mark.parametrize(("payload", "headers", "message"), BAD_HEADERS)
def test_what_the_version_forbids(payload: dict[str, Any], headers: dict[str, str], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        WIRE.check_headers(headers, payload)
    assert message in WIRE.refused(caught.value)["error"]["message"]


def test_what_an_older_version_allows() -> None:
    for payload in (
        body(temperature=0.5, top_k=3),
        body(GO, assistant(DOCUMENT)),
        body(user(text(citations=[{}]))),
    ):
        WIRE.check_headers(OLD, payload)
        assert WIRE.read(payload, "").model == "m"
    WIRE.check_headers({**NEW, "anthropic-beta": "mcp-client"}, body(mcp_servers=[]))


async def test_refusals_reach_the_sdk(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    with pytest.raises(
        anthropic.BadRequestError, match="temperature: Extra inputs are not permitted"
    ) as caught:
        await ask(client, extra_body={"temperature": 1.0})
    assert caught.value.request_id == caught.value.body["request_id"]  # type: ignore[index]
    assert (await ask(client, extra_body={"temperature": 1.0}, extra_headers=OLD)).content
    with pytest.raises(anthropic.BadRequestError, match="Each `tool_use` block must have"):
        await ask(client, messages=[GO, assistant(use())], stream=True)


def test_a_history_is_read_into_messages() -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    pdf = {
        "type": "document",
        "title": "t",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PNG},
    }
    answers = user(
        result(content=[text("see"), image(type="base64", media_type="image/png", data=PNG)]),
        result("t2", content=[text("a"), text("b")], is_error=True),
        text("go on", cache_control={"type": "ephemeral", "ttl": "1h"}),
    )
    payload = body(
        user(text("look"), image(type="url", url="https://example.com/a.png"), pdf, DOCUMENT),
        assistant(
            thinking(), {"type": "redacted_thinking", "data": "d"}, search, found, text(), use(), use("t2")
        ),
        answers,
        {"role": "system", "content": "be brief"},
        system=[text("one"), text("two")],
        tools=[WEATHER, {"type": "web_search_20250305", "name": "web_search"}],
        metadata={"user_id": "u"},
    )
    request = WIRE.read(payload, "").request
    assert [message.role for message in request.messages] == ["user", "assistant", "user", "system"]
    assert request.system_instruction == "one\n\ntwo"
    assert [tool.name for tool in request.tools] == ["weather"]
    _, url, data, plain = request.messages[0].content
    assert isinstance(url, MediaContent)
    assert url.url == "https://example.com/a.png"
    assert isinstance(data, MediaContent)
    assert (data.data, data.mime_type) == (b"12345", "application/pdf")
    assert isinstance(plain, MediaContent)
    assert plain.data == b"x"
    signed, sealed, *work = request.messages[1].content[:4]
    assert isinstance(signed, ReasoningBlock)
    assert (signed.text, signed.signature) == ("hm", "sig")
    assert isinstance(sealed, ReasoningBlock)
    assert sealed.redacted
    assert all(isinstance(block, OpaqueContent) and block.provider == "anthropic" for block in work)
    first, second = request.messages[2].tool_outputs
    assert isinstance(first.output[1], MediaContent)
    assert (second.text, second.is_error) == ("ab", True)
