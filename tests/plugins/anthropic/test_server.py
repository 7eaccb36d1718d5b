"""The transport, through the real SDK, against a server on loopback; and the SDK's own types."""

from __future__ import annotations

import json
from typing import Any

import anthropic_wire as wire
import pytest
from loopback_server import Answer, LoopbackServer

from lamella import Agent, tool
from lamella.content import ToolOutputBlock
from lamella.errors import (
    AgentParsingError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    LamellaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import AttemptRollback, AttemptStart, Event
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema, RetryPolicy, fold_response
from lamella_anthropic import ChatAnthropic
from lamella_anthropic.decode import MessagesDecoder
from lamella_image import ImageContent

KEY = "sk-ant-very-secret-0123456789"
HELLO = (wire.start(), *wire.text(0, "Hel", "lo"), *wire.end())
WHOLE = {**wire.WHOLE, "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@tool
def now() -> str:
    """Tell the time."""
    return "noon"


def model(server: LoopbackServer, **fields: Any) -> ChatAnthropic:
    given = {"api_key": KEY, "base_url": server.origin, "max_retries": 0, **fields}
    made = ChatAnthropic("claude-x", **given)
    made.retry = RetryPolicy(max_retries=made.max_retries, base=0.001)
    return made


async def test_f_prv02_complete_and_stream_over_the_real_sdk(server: LoopbackServer) -> None:
    """F-ANT01, F-PRV02: path, version, auth as the SDK sends it, body; streamed and in one piece."""
    server.answers = [Answer.events(*HELLO), Answer.json(WHOLE)]
    async with model(server, betas=["a-1", "b-2"], headers={"x-mine": "1"}) as made:
        streamed = await made.complete("hi")
        whole = await made.complete("hi", streaming=False)
    assert streamed.content == whole.content == "Hello"
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/v1/messages")
    assert first.headers["anthropic-version"] == "2026-10-21"
    assert first.headers["anthropic-beta"] == "a-1,b-2"
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in first.headers
    assert first.headers["x-mine"] == "1"
    assert first.headers["content-type"] == "application/json"
    assert "anthropic" in first.headers["user-agent"].lower()
    assert first.body["stream"] is True
    assert "stream" not in second.body


async def test_the_version_is_ours_and_can_be_chosen(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "anthropic-version: 1999-01-01\nx-team: red")
    server.answers = [Answer.json(WHOLE)]
    async with model(server) as made:
        await made.complete("hi", streaming=False)
    async with model(server, anthropic_version="2023-06-01", temperature=0.5) as made:
        await made.complete("hi", streaming=False)
    first, second = server.requests
    assert first.headers["anthropic-version"] == "2026-10-21"
    assert first.headers["x-team"] == "red"
    assert "anthropic-beta" not in first.headers
    assert second.headers["anthropic-version"] == "2023-06-01"
    assert second.body["temperature"] == 0.5


async def test_without_a_key_none_is_sent_and_none_is_looked_for(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a token of the environment nor a profile on disk."""
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "sk-other")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "no-such-profile")
    server.answers = [Answer.json(WHOLE)]
    async with model(server, api_key="") as made:
        await made.complete("hi", streaming=False)
    assert "authorization" not in server.requests[0].headers
    assert "x-api-key" not in server.requests[0].headers


async def test_a_base_url_may_end_in_the_version(server: LoopbackServer) -> None:
    server.answers = [Answer.json(WHOLE)]
    async with model(server, base_url=f"{server.origin}/gw/v1/") as made:
        await made.complete("hi", streaming=False)
    assert server.requests[0].path == "/gw/v1/messages"


async def test_f_n41_one_client_whose_connection_is_reused(server: LoopbackServer) -> None:
    """F-N41."""
    server.answers = [Answer.events(*HELLO), Answer.json(WHOLE), Answer.events(*HELLO)]
    async with model(server) as made:
        for streaming in (True, False, True):
            await made.complete("hi", streaming=streaming)
    assert server.connections == 1


async def test_an_own_http_client_is_used_and_left_open(server: LoopbackServer) -> None:
    import httpx2

    server.answers = [Answer.json(WHOLE)]
    async with httpx2.AsyncClient(headers={"x-own": "1"}) as client:
        async with model(server, http_client=client) as made:
            await made.complete("hi", streaming=False)
        assert not client.is_closed
    assert server.requests[0].headers["x-own"] == "1"


# -- errors and retries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "name", "retryable"),
    [
        (400, "invalid_request_error", "InvalidRequestError", False),
        (401, "authentication_error", "AuthenticationError", False),
        (402, "billing_error", "APIStatusError", False),
        (403, "permission_error", "AuthenticationError", False),
        (404, "not_found_error", "APIStatusError", False),
        (409, "conflict_error", "APIStatusError", True),
        (413, "request_too_large", "APIStatusError", False),
        (429, "rate_limit_error", "RateLimitError", True),
        (500, "api_error", "ServerError", True),
        (503, "api_error", "ServerError", True),
        (504, "timeout_error", "ServerError", True),
        (529, "overloaded_error", "ServerError", True),
    ],
)
async def test_f_n40_statuses_are_typed_and_alike_in_mid_stream(
    server: LoopbackServer, status: int, kind: str, name: str, retryable: bool
) -> None:
    """F-N40, F-PRV02: the same class for a status and for the event in a stream."""
    body = {
        "type": "error",
        "error": {"type": kind, "message": "because", "details": {"error_code": "some_code"}},
        "request_id": "req_body",
    }
    server.answers = [
        Answer.json(body, status, retry_after="7", request_id="req_1"),
        Answer.events(wire.start(), body),
    ]
    async with model(server) as made:
        with pytest.raises(LamellaError) as first:
            await made.complete("hi")
        with pytest.raises(LamellaError) as second:
            await made.complete("hi")
    for error in (first.value, second.value):
        assert type(error).__name__ == name
        assert error.retryable is retryable
        assert (error.context["type"], error.context["code"]) == (kind, "some_code")
        assert "because" in error.message
        assert KEY not in repr(error)
    assert isinstance(first.value, APIStatusError)
    assert (first.value.status_code, first.value.retry_after) == (status, 7.0)
    assert first.value.context["request_id"] == "req_1"
    assert second.value.context["request_id"] == "req_body"


async def test_f_x05_retries_are_ours_and_visible(server: LoopbackServer) -> None:
    """F-X05, F-N41: one retry layer, with ``attempt.*``; the SDK's is off."""
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    server.answers = [
        Answer.json(overloaded, 529),
        Answer.events(wire.start(), *wire.text(0, "He"), overloaded),
        Answer.events(*HELLO),
    ]
    events: list[Event] = []
    async with model(server, max_retries=2) as made:
        async for event in made.stream(ModelRequest.of("hi")):
            events.append(event)
    assert [event.attempt for event in events if isinstance(event, AttemptStart)] == [1, 2, 3]
    rolled = [event for event in events if isinstance(event, AttemptRollback)]
    assert [event.visible for event in rolled] == [False, True]
    assert rolled[1].token_usage is not None
    assert len(server.requests) == 3


async def test_the_servers_advice_not_to_retry_is_kept(server: LoopbackServer) -> None:
    server.answers = [Answer.json({}, 500, x_should_retry="false")]
    async with model(server) as made:
        with pytest.raises(ServerError) as caught:
            await made.complete("hi")
    assert caught.value.retryable is False


async def test_bodies_that_are_no_json(server: LoopbackServer) -> None:
    server.answers = [Answer(status=429, pieces=(b"<h1>slow down</h1>",)), Answer(status=502)]
    async with model(server) as made:
        with pytest.raises(RateLimitError, match="slow down"):
            await made.complete("hi")
        with pytest.raises(ServerError, match="no reason given"):
            await made.complete("hi")


async def test_a_dropped_connection_is_an_interrupted_stream(server: LoopbackServer) -> None:
    """F-PRV02: raw errors of the HTTP library do not leak."""
    server.answers = [Answer.events(*HELLO[:4], then="drop")]
    async with model(server) as made:
        with pytest.raises(StreamInterruptedError) as caught:
            await made.complete("hi")
    assert caught.value.partial is not None
    assert caught.value.partial.content == "Hello"


async def test_a_server_that_says_nothing_times_out(server: LoopbackServer) -> None:
    server.answers = [Answer(then="hang")]
    async with model(server, timeout=0.2) as made:
        with pytest.raises(APITimeoutError):
            await made.complete("hi")


async def test_nobody_there() -> None:
    async with ChatAnthropic(api_key=KEY, base_url="http://127.0.0.1:1", max_retries=0) as made:
        with pytest.raises(APIConnectionError, match="cannot reach"):
            await made.complete("hi")


# -- other endpoints ------------------------------------------------------------------------------


async def test_f_x13_token_counts_send_what_the_endpoint_takes(server: LoopbackServer) -> None:
    """F-X13: native, not estimated."""
    server.answers = [Answer.json({"input_tokens": 42})]
    async with model(server, thinking="adaptive", user="u", stop_sequences=["x"], effort="low") as made:
        count = await made.count_tokens(
            ModelRequest.of("hi", tools=(weather,), system_instruction="be brief")
        )
    assert (count.tokens, count.estimated) == (42, False)
    (request,) = server.requests
    assert request.path == "/v1/messages/count_tokens"
    assert set(request.body) == {
        "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
    }  # fmt: skip
    server.answers = [Answer.json({"tokens": 1})]
    async with model(server) as made:
        with pytest.raises(AgentParsingError, match="no count"):
            await made.count_tokens("hi")


async def test_model_lists_are_read_page_by_page(server: LoopbackServer) -> None:
    item = {
        "type": "model",
        "id": "claude-a",
        "display_name": "A",
        "max_input_tokens": 200,
        "max_tokens": 0,
        "lifecycle": "deprecated",
    }
    server.answers = [
        Answer.json({"data": [item], "has_more": True, "last_id": "claude-a"}),
        Answer.json({"data": [{"id": "claude-b"}], "has_more": False, "last_id": "claude-b"}),
    ]
    async with model(server, query={"tenant": "t"}) as made:
        first, second = await made.list_models()
    assert (first.formal_name, first.display_name, first.outdated) == ("claude-a", "A", True)
    assert (first.context_window, first.max_output_tokens) == (200, None)
    assert (second.display_name, second.outdated, second.context_window) == ("claude-b", False, None)
    assert [request.path for request in server.requests] == [
        "/v1/models?tenant=t&limit=1000",
        "/v1/models?tenant=t&limit=1000&after_id=claude-a",
    ]
    server.answers = [Answer.json({"data": [7]})]
    async with model(server) as made:
        with pytest.raises(AgentParsingError, match="no model"):
            await made.list_models()


# -- an agent, and the SDK's types ----------------------------------------------------------------


async def test_f_n37_thinking_is_replayed_between_tool_turns(server: LoopbackServer) -> None:
    """F-N37, F-N36, F-PRV03: the second request carries the first answer byte for byte, and the outputs first."""
    server.answers = [Answer.events(*wire.STREAM), Answer.events(*HELLO)]
    async with model(server) as made:
        result = await Agent(made, tools=[weather, now]).arun("hi")
    assert result.output == "Hello"
    turns = server.requests[1].body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == wire.WHOLE["content"]
    assert turns[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_6", "content": "sunny in Rome", "is_error": False},
        {"type": "tool_result", "tool_use_id": "toolu_7", "content": "noon", "is_error": False},
    ]


def test_payloads_are_of_the_sdks_types() -> None:
    """Every part of a request is what the SDK's own parameter types say."""
    from anthropic.types.message_create_params import MessageCreateParamsStreaming
    from pydantic import TypeAdapter

    made = ChatAnthropic(
        "claude-x", api_key=KEY, cache="1h", thinking="adaptive", thinking_display="summarized", effort="max",
        user="u", stop_sequences=["x"], service_tier="auto",
    )  # fmt: skip
    answer = fold_response(MessagesDecoder("anthropic").whole(wire.WHOLE)).message
    assert answer is not None
    image = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    request = ModelRequest(
        messages=[
            Message.system("be brief"),
            Message.user(["look", image]),
            answer,
            Message.user(
                [
                    ToolOutputBlock(call_id="toolu_6", output=(image,)),
                    ToolOutputBlock(call_id="toolu_7", output="", is_error=True),
                ]
            ),
        ],
        tools=(weather, now),
        parallel_tool_calls=False,
        output_schema=OutputSchema(schema=schema),
    )
    payload = made.encode(request)
    checked = TypeAdapter(MessageCreateParamsStreaming).validate_python(json.loads(json.dumps(payload)))
    assert checked["stream"] is True
    assert len(payload["messages"]) == 3
