"""The transport, through the real SDK, against a server on loopback; agents on it; the other endpoints."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import traceback
from typing import Any

import pytest
from loopback_server import Answer, LoopbackServer

from lamella import Agent, tool
from lamella.errors import (
    AgentInputError,
    AgentParsingError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    LamellaError,
    PluginError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import AttemptRollback, AttemptStart, Event, MessageOutputDelta, ResponseDone
from lamella.models import ModelRequest, RetryPolicy
from lamella_mistral import ChatMistral

KEY = "very-secret-0123456789"
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sun in {city}"


def chunk(content: Any = None, finish: str | None = None, calls: Any = None, **extra: Any) -> dict[str, Any]:
    delta = {
        name: value for name, value in (("content", content), ("tool_calls", calls)) if value is not None
    }
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [choice],
        "p": "a",
        **extra,
    }


def completion(content: Any, finish: str = "stop", calls: Any = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE}


HELLO = (chunk("Hel"), chunk("lo", "stop", usage=USAGE), "[DONE]")


def chat(server: LoopbackServer, **fields: Any) -> ChatMistral:
    model = ChatMistral("m", **{"api_key": KEY, "base_url": server.origin, "max_retries": 0, **fields})
    model.retry = RetryPolicy(max_retries=model.max_retries, base=0.001)
    return model


async def test_f_mis01_complete_and_stream_over_the_real_sdk(server: LoopbackServer) -> None:
    """F-MIS01, F-N23: auth, path, headers, body; the answer streamed and in one piece."""
    from importlib.metadata import version

    server.answers = [Answer.events(*HELLO), Answer.json(completion("Hello"))]
    async with chat(server) as model:
        streamed = await model.complete("hi")
        whole = await model.complete("hi", streaming=False)
    assert streamed.content == whole.content == "Hello"
    assert streamed.usage == whole.usage
    assert streamed.stop_reason == whole.stop_reason == "end_turn"
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/v1/chat/completions")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept"] == "text/event-stream"
    assert first.headers["user-agent"] == f"mistral-client-python/{version('mistralai')}"
    assert first.body["stream"] is True
    assert "stream" not in second.body


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_the_url_with_and_without_the_version(server: LoopbackServer, end: str) -> None:
    server.answers = [Answer.json(completion("Hello"))]
    async with chat(server, base_url=server.origin + end, streaming=False) as model:
        await model.complete("hi")
    assert server.requests[0].path == "/v1/chat/completions"


async def test_f_n41_one_client_whose_connection_is_reused(server: LoopbackServer) -> None:
    """F-N41: one client per model, closed with it."""
    server.answers = [Answer.events(*HELLO), Answer.json(completion("Hello")), Answer.events(*HELLO)]
    async with chat(server) as model:
        for streaming in (True, False, True):
            await model.complete("hi", streaming=streaming)
    assert server.connections == 1


def test_a_model_works_in_several_loops_and_leaves_nothing_open(server: LoopbackServer) -> None:
    server.answers = [Answer.json(completion("Hello"))]
    model = chat(server, streaming=False)

    async def ask() -> str:
        return (await model.complete("hi")).content

    assert asyncio.run(ask()) == asyncio.run(ask()) == model.complete_sync("hi").content == "Hello"
    model.close()
    gc.collect()  # what is left open would warn here


async def test_without_a_key_no_authorization_is_sent(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    server.answers = [Answer.json(completion("Hello"))]
    async with chat(server, api_key="", streaming=False) as model:
        await model.complete("hi")
    assert "authorization" not in server.requests[0].headers


async def test_an_own_http_client_is_used_and_left_open(server: LoopbackServer) -> None:
    import httpx2

    server.answers = [Answer.json(completion("Hello"))]
    async with httpx2.AsyncClient(headers={"x-mine": "1"}) as client:
        async with chat(server, http_client=client, headers={"x-set": "2"}, streaming=False) as model:
            await model.complete("hi")
        gc.collect()
        assert not client.is_closed
    assert server.requests[0].headers["x-mine"] == "1"
    assert server.requests[0].headers["x-set"] == "2"


# -- agents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
async def test_f_n37_thinking_between_tool_turns(server: LoopbackServer, streaming: bool) -> None:
    """F-N37, F-N36: thinking is replayed with its signature, right before the calls it led to."""
    thinking = {
        "type": "thinking",
        "thinking": [{"type": "text", "text": "hm"}],
        "signature": "sig==",
        "closed": True,
    }
    calls = [
        {"id": f"abcdefgh{place}", "type": "function", "index": place,
         "function": {"name": "weather", "arguments": '{"city": "' + city + '"}'}}
        for place, city in enumerate(("Rome", "Oslo"))
    ]  # fmt: skip
    if streaming:
        server.answers = [
            Answer.events(chunk([thinking]), chunk("", "tool_calls", calls, usage=USAGE), "[DONE]"),
            Answer.events(chunk("sunny", "stop", usage=USAGE), "[DONE]"),
        ]
    else:
        server.answers = [
            Answer.json(completion([thinking], "tool_calls", calls)),
            Answer.json(completion("sunny")),
        ]
    async with chat(server) as model:
        agent = Agent(model, tools=[weather], streaming=streaming, tool_choice="required")
        result = await agent.arun("How is it?")
    assert result.output == "sunny"
    first, second = (request.body for request in server.requests)
    assert first["tool_choice"] == "any"
    assistant, *outputs = second["messages"][1:]
    assert assistant["content"] == [thinking]
    assert [call["id"] for call in assistant["tool_calls"]] == ["abcdefgh0", "abcdefgh1"]
    assert [(each["tool_call_id"], each["content"]) for each in outputs] == [
        ("abcdefgh0", "sun in Rome"),
        ("abcdefgh1", "sun in Oslo"),
    ]
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 8


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, AuthenticationError, False),
        (404, APIStatusError, False),
        (422, InvalidRequestError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (503, ServerError, True),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
async def test_f_prv02_http_errors_are_mapped(
    server: LoopbackServer, status: int, error: type[APIStatusError], retryable: bool, streaming: bool
) -> None:
    """F-PRV02, F-N40: class, status, ``Retry-After``, request id, and the server's own words."""
    body = {"object": "error", "message": "went wrong", "type": "some_type", "code": "9"}
    server.answers = [Answer.json(body, status, retry_after="7", mistral_correlation_id="cor-1")]
    async with chat(server) as model:
        with pytest.raises(LamellaError) as caught:
            await model.complete("hi", streaming=streaming)
    found = caught.value
    assert type(found) is error
    assert found.status_code == status
    assert found.retryable is retryable
    assert found.retry_after == 7
    assert "went wrong" in found.message
    assert found.context["request_id"] == "cor-1"
    assert found.context["provider"] == "mistral"
    assert len(server.requests) == 1


async def test_f_x05_f_prv02_retries_then_success(server: LoopbackServer) -> None:
    """F-X05, F-PRV02, F-N41: the SDK does not retry, so the attempts are Lamella's, and visible."""
    failure = Answer.json({"detail": "busy"}, 429, retry_after_ms="1")
    server.answers = [failure, failure, Answer.events(*HELLO)]
    events: list[Event] = []
    async with chat(server, max_retries=2) as model:
        async for event in model.stream(ModelRequest.of("hi")):
            events.append(event)
    kinds = [
        event.type for event in events if isinstance(event, AttemptStart | AttemptRollback | ResponseDone)
    ]
    assert kinds == ["attempt.start", "attempt.rollback"] * 2 + ["attempt.start", "response.done"]
    assert {request.text for request in server.requests} == {server.requests[0].text}


@pytest.mark.parametrize("then", ["drop", "end"])
async def test_f_n06_a_stream_that_breaks_off_has_its_text(server: LoopbackServer, then: str) -> None:
    """F-N06: dropped, or ended early: ``StreamInterruptedError`` with the text and usage so far."""
    server.answers = [Answer.events(chunk("Hel"), chunk("lo", usage=USAGE), then=then)]
    async with chat(server) as model:
        with pytest.raises(StreamInterruptedError) as caught:
            await model.complete("hi")
    assert caught.value.retryable
    assert caught.value.partial.content == "Hello"
    assert caught.value.partial.usage.total_tokens == 4


async def test_malformed_chunks_are_parsing_errors(server: LoopbackServer) -> None:
    server.answers = [Answer.events(chunk("Hel"), "{not json"), Answer.json([1])]
    async with chat(server) as model:
        with pytest.raises(AgentParsingError) as caught:
            await model.complete("hi")
        assert caught.value.partial.content == "Hel"
        with pytest.raises(AgentParsingError):
            await model.complete("hi", streaming=False)


async def test_no_server_and_a_silent_one(server: LoopbackServer) -> None:
    server.answers = [Answer(then="hang")]
    async with chat(server, timeout=0.2) as model:
        with pytest.raises(APITimeoutError, match="timeout="):
            await model.complete("hi")
    async with chat(server, base_url="http://127.0.0.1:1") as model:
        with pytest.raises(APIConnectionError, match=r"127\.0\.0\.1:1"):
            await model.complete("hi")


async def test_f_n08_leaving_early_closes_the_connection(server: LoopbackServer) -> None:
    """F-N08: the server sees the connection close, though the stream had not ended."""
    server.answers = [Answer.events(chunk("Hel"), then="hold")]
    async with chat(server) as model:
        stream = model.stream(ModelRequest.of("hi"))
        async for event in stream:
            if isinstance(event, MessageOutputDelta):
                break
        await stream.aclose()
        assert await asyncio.to_thread(server.disconnected.wait, 5)


async def test_f_n27_the_key_is_nowhere(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """F-N27: not in reprs, settings, events, errors with their tracebacks, or debug logs."""
    caplog.set_level(logging.DEBUG)
    server.answers = [
        Answer.events(*HELLO),
        Answer.json({"detail": f"Invalid API Key {KEY}"}, 401),
        Answer.events({"object": "error", "message": f"bad key {KEY}", "param": KEY}),
    ]
    model = chat(server)
    events = [event async for event in model.stream(ModelRequest.of("hi"))]
    shown = [repr(events), repr(model), repr(model.settings), repr(model.transport), repr(vars(model))]
    for _ in range(2):
        with pytest.raises(LamellaError) as caught:
            await model.complete("hi")
        error = caught.value
        shown += [repr(error), str(error.context), "".join(traceback.format_exception(error))]
    await model.aclose()
    shown += [caplog.text, *capsys.readouterr()]
    assert [text for text in shown if KEY in text] == []
    assert "***" in shown[-4]


# -- other endpoints, the SDK ---------------------------------------------------------------------


async def test_f_emb01_embeddings(server: LoopbackServer) -> None:
    """F-EMB01: one vector for each input, in input order; the SDK's type takes the request."""
    from mistralai.client.models import EmbeddingRequest

    data = [{"index": 1, "embedding": [3.0, 4]}, {"index": 0, "embedding": [1.0, 2.0]}]
    server.answers = [Answer.json({"data": data})]
    async with chat(server) as model:
        found = await model.embed(["a", "b"])
        await model.embed(["a", "b"], model="codestral-embed", dimensions=2)
        with pytest.raises(AgentInputError):
            await model.embed([])
    assert [(vector.index, vector.vector) for vector in found] == [(0, (1.0, 2.0)), (1, (3.0, 4.0))]
    first, second = server.requests
    assert first.path == "/v1/embeddings"
    assert first.body == {"model": "mistral-embed", "input": ["a", "b"]}
    assert second.body == {"model": "codestral-embed", "input": ["a", "b"], "output_dimension": 2}
    read = EmbeddingRequest.model_validate(second.body)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == second.body


async def test_model_lists_have_each_model_once(server: LoopbackServer) -> None:
    rows = [
        {"id": "b-1", "name": "b-1", "aliases": ["b-latest"], "max_context_length": 8, "deprecation": None},
        {"id": "b-latest", "name": "b-1", "aliases": ["b-1"], "max_context_length": 8, "deprecation": None},
        {"id": "ft:a", "deprecation": "2026-08-31T12:00:00Z"},
    ]
    server.answers = [Answer.json({"object": "list", "data": rows})]
    async with chat(server) as model:
        found = await model.list_models()
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/v1/models")
    assert [(info.formal_name, info.context_window, info.outdated) for info in found] == [
        ("b-1", 8, False),
        ("ft:a", None, True),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Answer.json(["no"]),
        Answer.json({"data": ["x"]}),
        Answer.json({"data": [{"embedding": ["x"]}]}),
        Answer.json({"data": [{"embedding": [1.0], "index": "x"}]}),
        Answer.json({"detail": "busy"}, 503),
    ],
)
async def test_other_endpoints_fail_typed(server: LoopbackServer, answer: Answer) -> None:
    server.answers = [answer]
    async with chat(server) as model:
        for asked in (model.embed(["a"]), model.list_models()):
            with pytest.raises(ServerError if answer.status == 503 else AgentParsingError):
                await asked


async def test_a_missing_sdk_is_a_plugin_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-REG04: cause ``ImportError``, and the line that installs it."""
    monkeypatch.setitem(sys.modules, "mistralai.client", None)
    async with ChatMistral("m", api_key=KEY) as model:
        with pytest.raises(PluginError, match="pip install --upgrade lamella-mistral") as caught:
            await model.complete("hi")
    assert isinstance(caught.value.cause, ImportError)
