"""How a request is sent: headers, query, body, timeout and retries, of the model and of one request."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from loopback_server import Answer, LoopbackServer

from lamella import AgentInputError, APITimeoutError, ModelRequest, RequestOptions, RetryPolicy, ServerError
from lamella_openai import ChatOpenAICompletions

COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}


def chat(server: LoopbackServer, **fields: Any) -> ChatOpenAICompletions:
    given = {"api_key": "sk-0123456789", "base_url": server.url, "streaming": False, **fields}
    model = ChatOpenAICompletions("m", **given)
    model.retry = RetryPolicy(max_retries=model.max_retries, base=0.001)
    return model


def asked(**options: Any) -> ModelRequest:
    return ModelRequest.of("hi", options=RequestOptions(**options))


async def test_f_x14_headers_query_and_body_of_model_and_request(server: LoopbackServer) -> None:
    server.answers = [Answer.json(COMPLETION)]
    model = chat(
        server,
        headers={"X-Team": "a", "X-Mine": "model"},
        query={"v": "1", "w": "a b"},
        model_kwargs={"seed": 1},
    )
    request = ModelRequest.of(
        "hi",
        extra={"seed": 2, "logit_bias": {"1": 2}},
        options=RequestOptions(headers={"x-mine": "request"}, query={"v": "2&x=3"}),
    )
    async with model:
        await model.complete(request)
    (sent,) = server.requests
    assert (sent.headers["x-team"], sent.headers["x-mine"]) == ("a", "request")
    assert sent.path == "/v1/chat/completions?v=2%26x%3D3&w=a%20b"
    assert (sent.body["seed"], sent.body["logit_bias"]) == (2, {"1": 2})


async def test_f_x14_a_request_may_bring_its_own_authorization(server: LoopbackServer) -> None:
    server.answers = [Answer.json(COMPLETION)]
    async with chat(server) as model:
        await model.complete(asked(headers={"Authorization": "Bearer other"}))
    assert server.requests[0].headers["authorization"] == "Bearer other"


def test_f_x14_a_models_headers_are_checked_and_hidden(server: LoopbackServer) -> None:
    with pytest.raises(AgentInputError, match="headers"):
        chat(server, headers={"X-A": "b\r\nX-Injected: c"})
    model = chat(server, headers={"X-Secret": "hush"}, query={"key": "hush"})
    assert "hush" not in repr(model)
    assert "hush" not in str(model.settings)
    assert "hush" not in repr(model.transport)


async def test_f_x14_timeout_of_one_request(server: LoopbackServer) -> None:
    server.answers = [Answer(then="hang")]
    async with chat(server, timeout=30.0, max_retries=0) as model:
        with pytest.raises(APITimeoutError):
            await model.complete(asked(timeout=0.1))


async def test_f_x14_retries_of_one_request(server: LoopbackServer) -> None:
    server.answers = [Answer.json({"error": {"message": "no"}}, 500)]
    async with chat(server, max_retries=3) as model:
        with pytest.raises(ServerError):
            await model.complete(asked(max_retries=1))
    assert len(server.requests) == 2


async def test_f_x14_f_n41_your_own_client_is_used_and_stays_open(server: LoopbackServer) -> None:
    server.answers = [Answer.json(COMPLETION)]
    async with httpx2.AsyncClient(headers={"X-Own": "1"}) as own:
        async with chat(server, http_client=own) as model:
            await model.complete("hi")
        assert not own.is_closed
    assert server.requests[0].headers["x-own"] == "1"


async def test_f_n36_settings_of_an_agent_reach_the_request(server: LoopbackServer) -> None:
    from lamella import Agent

    server.answers = [Answer.json(COMPLETION)]
    async with (
        chat(server, temperature=1.0) as model,
        Agent(model, model_settings={"reasoning_effort": "low"}) as agent,
    ):
        await agent.arun("hi")
        await model.complete("hi")
    assert server.requests[0].body["reasoning_effort"] == "low"
    assert server.requests[0].body["temperature"] == 1.0
    assert "reasoning_effort" not in server.requests[1].body
