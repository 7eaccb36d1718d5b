"""The Interactions API over loopback, through the SDK's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from interactions_wires import CALL, SAID, STEPS, THOUGHT, delta, interaction, start, stream
from loopback_server import Answer, LoopbackServer

import lamella
from lamella import Agent, tool
from lamella.errors import (
    APIStatusError,
    AuthenticationError,
    InvalidRequestError,
    LamellaError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import AttemptRollback, MessageOutputDelta, ResponseDone
from lamella.models import ModelRequest, RetryPolicy
from lamella_gemini import ChatGeminiInteractions

KEY = "AIza-very-secret-0123456789"


def chat(server: LoopbackServer, **fields: Any) -> ChatGeminiInteractions:
    given = {"api_key": KEY, "base_url": server.origin, "max_retries": 0, **fields}
    model = ChatGeminiInteractions("m", **given)
    model.retry = RetryPolicy(max_retries=model.max_retries, base=0.001)
    return model


@tool
def get_weather(city: str, days: list[int]) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


async def test_f_gem01_complete_and_stream_over_the_real_sdk(server: LoopbackServer) -> None:
    """F-GEM01: path, version, revision, key, SDK headers, body; streamed and in one piece."""
    server.answers = [
        Answer.events(*stream(THOUGHT, SAID), "[DONE]"),
        Answer.json(interaction(THOUGHT, SAID)),
    ]
    async with chat(server) as model:
        streamed = await model.complete("hi")
        whole = await model.complete("hi", streaming=False)
    assert streamed.content == whole.content == "Sunny in Paris.That is all."
    assert streamed.message is not None
    assert whole.message is not None
    assert streamed.message.content == whole.message.content
    assert streamed.usage == whole.usage
    first, second = server.requests
    assert (first.method, first.path) == (second.method, second.path) == ("POST", "/v1beta/interactions")
    assert first.headers["x-goog-api-key"] == KEY
    assert "authorization" not in first.headers
    assert first.headers["api-revision"] == "2026-05-20"
    assert first.headers["x-goog-api-client"].startswith("google-genai-sdk/")
    assert first.headers["content-type"] == "application/json"
    assert (first.headers["accept"], second.headers["accept"]) == ("text/event-stream", "application/json")
    assert first.body == {
        "model": "m",
        "input": [{"type": "user_input", "content": [{"type": "text", "text": "hi"}]}],
        "store": False,
        "stream": True,
    }
    assert "stream" not in second.body


async def test_version_and_headers_can_be_set(server: LoopbackServer) -> None:
    server.answers = [Answer.json(interaction(SAID))]
    async with chat(
        server, api_version="v1", headers={"api-revision": "2027-01-01"}, streaming=False
    ) as model:
        await model.complete("hi")
    assert server.requests[0].path == "/v1/interactions"
    assert server.requests[0].headers["api-revision"] == "2027-01-01"


def test_sync_forms(server: LoopbackServer) -> None:
    server.answers = [Answer.events(*stream(SAID))]
    with chat(server) as model:
        assert model.complete_sync("hi").content == "Sunny in Paris.That is all."


def test_f_gem02_an_agent_sends_everything_back(server: LoopbackServer) -> None:
    """F-GEM02: stateless turns: the vendor's steps as they came, then the result with its id."""
    server.answers = [
        Answer.events(*stream(*STEPS, status="requires_action")),
        Answer.events(*stream(SAID)),
    ]
    with chat(server) as model:
        result = Agent(model, tools=[get_weather]).run("Weather?")
    assert result.output == "Sunny in Paris.That is all."
    sent = server.requests[1].body["input"]
    assert sent[1:-1] == STEPS
    assert sent[-1] == {
        "type": "function_result",
        "call_id": CALL["id"],
        "name": "get_weather",
        "result": "sunny in Paris",
    }
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 400


async def test_f_gem01_stored_interactions_can_be_gone_on_from(server: LoopbackServer) -> None:
    """F-GEM01: with ``store``, the id of an answer is what the next request names."""
    server.answers = [Answer.json(interaction(SAID))]
    async with chat(server, store=True, streaming=False) as model:
        first = await model.complete("hi")
        await model.complete(ModelRequest.of("and?", extra={"previous_interaction_id": first.id}))
    assert server.requests[0].body["store"] is True
    assert server.requests[1].body["previous_interaction_id"] == "v1_1"
    assert len(server.requests[1].body["input"]) == 1


ERRORS: list[tuple[int, dict[str, Any], type[LamellaError]]] = [
    (400, {"code": 400, "message": "No such field", "status": "INVALID_ARGUMENT"}, InvalidRequestError),
    (400, {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}, AuthenticationError),
    (403, {"code": 403, "message": "No", "status": "PERMISSION_DENIED"}, AuthenticationError),
    (429, {"code": 429, "message": "Slow", "status": "RESOURCE_EXHAUSTED"}, RateLimitError),
    (503, {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}, ServerError),
]


@pytest.mark.parametrize(("status", "error", "kind"), ERRORS)
async def test_error_statuses(
    server: LoopbackServer, status: int, error: dict[str, Any], kind: type[LamellaError]
) -> None:
    server.answers = [Answer.json({"error": error}, status)]
    async with chat(server) as model:
        with pytest.raises(kind) as caught:
            await model.complete("hi")
    assert isinstance(caught.value, APIStatusError)
    assert caught.value.status_code == status
    assert error["message"] in caught.value.message
    assert KEY not in repr(caught.value)


async def test_an_error_in_the_stream_is_tried_again(server: LoopbackServer) -> None:
    """The SDK's own retries are off, ours are the only ones."""
    failed = {"event_type": "error", "error": {"code": "internal_error", "message": "Oops"}}
    server.answers = [
        Answer.events(start(0, {"type": "model_output"}), delta(0, "text", text="Sun"), failed),
        Answer.json({"error": {"code": 500, "message": "Oops", "status": "INTERNAL"}}, 500),
        Answer.events(*stream(SAID)),
    ]
    async with chat(server, max_retries=2) as model:
        events = [event async for event in model.stream(ModelRequest.of("hi"))]
    assert len(server.requests) == 3
    assert [event.visible for event in events if isinstance(event, AttemptRollback)] == [True, False]
    assert isinstance(events[-1], ResponseDone)


@pytest.mark.parametrize("then", ["end", "drop"])
async def test_a_broken_stream_is_interrupted(server: LoopbackServer, then: str) -> None:
    server.answers = [Answer.events(*stream(SAID)[:-1], then=then)]
    async with chat(server) as model:
        with pytest.raises(StreamInterruptedError) as caught:
            await model.complete("hi")
    assert caught.value.partial is not None
    assert caught.value.partial.content == "Sunny in Paris.That is all."


async def test_leaving_early_closes_the_connection(server: LoopbackServer) -> None:
    server.answers = [Answer.events(*stream(SAID)[:5], then="hold")]
    async with chat(server) as model:
        events = model.stream(ModelRequest.of("hi"))
        async for event in events:
            if isinstance(event, MessageOutputDelta):
                break
        await events.aclose()
        assert server.disconnected.wait(10)


@pytest.fixture
def named(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> LoopbackServer:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.origin)
    return server


def test_f_gem01_by_name(named: LoopbackServer) -> None:
    """F-GEM01: ``get_model("gemini-interactions:…")`` with key and URL from the environment."""
    named.answers = [Answer.events(*stream(SAID))]
    with lamella.get_model("gemini-interactions:gemini-3-flash-preview", reasoning_effort="low") as model:
        assert isinstance(model, ChatGeminiInteractions)
        assert model.complete_sync("hi").content.startswith("Sunny")
    assert named.requests[0].body["generation_config"] == {"thinking_level": "low"}
    assert KEY not in json.dumps(dict(model.settings))
