"""The transport, through the real SDK, against a server on loopback."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
import subprocess
import sys
import traceback
from typing import Any

import attrs
import pytest
from loopback_server import Answer, LoopbackServer

from lamella.errors import (
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
from lamella_openai import ChatOpenAI, ChatOpenAICompletions

KEY = "sk-very-secret-0123456789"


def chunk(content: str | None = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **extra}


HELLO = (chunk("Hel"), chunk("lo"), chunk(finish="stop"), "[DONE]")

COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def chat(server: LoopbackServer, **fields: Any) -> ChatOpenAICompletions:
    given = {"api_key": KEY, "base_url": server.url, "max_retries": 0, **fields}
    model = ChatOpenAICompletions("m", **given)
    model.retry = RetryPolicy(max_retries=model.max_retries, base=0.001)
    return model


async def test_f_oai03_complete_and_stream_over_the_real_sdk(server: LoopbackServer) -> None:
    """F-OAI03, F-OAI06: auth, path, body; the answer streamed and in one piece."""
    server.answers = [Answer.events(*HELLO), Answer.json(COMPLETION)]
    async with chat(server, organization="org-1", project="proj-1") as model:
        streamed = await model.complete("hi")
        whole = await model.complete("hi", streaming=False)
    assert streamed.content == whole.content == "Hello"
    assert whole.usage is not None
    assert whole.usage.total_tokens == 4
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/v1/chat/completions")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.headers["openai-organization"] == "org-1"
    assert first.headers["openai-project"] == "proj-1"
    assert first.headers["content-type"] == "application/json"
    assert first.body["stream"] is True
    assert first.body["stream_options"] == {"include_usage": True}
    assert "stream" not in second.body


async def test_responses_over_the_real_sdk(server: LoopbackServer) -> None:
    response = {"id": "r1", "object": "response", "model": "m", "status": "completed", "output": []}
    server.answers = [
        Answer.events(
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"},
            {"type": "response.completed", "response": response},
        )
    ]
    async with ChatOpenAI("m", api_key=KEY, base_url=server.url) as model:
        completion = await model.complete("hi")
    assert completion.content == "Hi"
    assert server.requests[0].path == "/v1/responses"


def test_f_oai03_sync_forms(server: LoopbackServer) -> None:
    """F-OAI03: the sync facade, ``with``, ``close``."""
    server.answers = [Answer.events(*HELLO)]
    with chat(server) as model:
        assert model.complete_sync("hi").content == "Hello"
        deltas = [event.delta for event in model.stream_sync("hi") if isinstance(event, MessageOutputDelta)]
    assert deltas == ["Hel", "lo"]


async def test_f_n41_one_client_whose_connection_is_reused(server: LoopbackServer) -> None:
    """F-N41: streamed and unstreamed requests of one model share a connection."""
    server.answers = [Answer.events(*HELLO), Answer.json(COMPLETION), Answer.events(*HELLO)]
    async with chat(server) as model:
        for streaming in (True, False, True):
            await model.complete("hi", streaming=streaming)
    assert server.connections == 1


def test_a_model_works_in_several_loops(server: LoopbackServer) -> None:
    server.answers = [Answer.json(COMPLETION)]
    model = chat(server, streaming=False)

    async def ask() -> str:
        answer = await model.complete("hi")
        await model.aclose()
        return answer.content

    assert asyncio.run(ask()) == asyncio.run(ask()) == model.complete_sync("hi").content == "Hello"
    model.close()
    assert "stream" not in server.requests[0].body


async def test_without_a_key_no_authorization_is_sent(server: LoopbackServer) -> None:
    server.answers = [Answer.json(COMPLETION)]
    async with chat(server, api_key="") as model:
        await model.complete("hi", streaming=False)
    assert "authorization" not in server.requests[0].headers


async def test_an_own_http_client_is_used_and_left_open(server: LoopbackServer) -> None:
    import httpx2

    server.answers = [Answer.json(COMPLETION)]
    async with httpx2.AsyncClient(headers={"x-mine": "1"}) as client:
        async with chat(server, http_client=client) as model:
            await model.complete("hi", streaming=False)
        assert not client.is_closed
    assert server.requests[0].headers["x-mine"] == "1"


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, AuthenticationError, False),
        (404, APIStatusError, False),
        (408, APIStatusError, True),
        (409, APIStatusError, True),
        (422, InvalidRequestError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (503, ServerError, True),
        (529, ServerError, True),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
async def test_f_err02_http_errors_are_mapped(
    server: LoopbackServer, status: int, error: type[APIStatusError], retryable: bool, streaming: bool
) -> None:
    """F-ERR02, F-ERR03, F-PRV02, F-N40: class, code, status, ``Retry-After``, and the server's own words."""
    body = {"error": {"message": "went wrong", "type": "some_error", "code": "some_code", "param": "input"}}
    server.answers = [Answer.json(body, status, retry_after="7", x_request_id="req_1")]
    async with chat(server) as model:
        with pytest.raises(LamellaError) as caught:
            await model.complete("hi", streaming=streaming)
    found = caught.value
    assert type(found) is error
    assert found.status_code == status
    assert found.retryable is retryable
    assert found.retry_after == 7
    assert "went wrong" in found.message
    assert found.context["code"] == "some_code"
    assert found.context["request_id"] == "req_1"
    assert found.context["provider"] == "openai-chat"
    assert len(server.requests) == 1


async def test_f_err03_a_malformed_native_list_is_an_invalid_request(server: LoopbackServer) -> None:
    """F-ERR03, F-MSG15: native dicts are sent as they are; the server judges them."""
    server.answers = [Answer.json({"error": {"message": "no role"}}, 400)]
    native = [{"rolle": "user", "content": "hi"}]
    async with chat(server) as model:
        with pytest.raises(InvalidRequestError):
            await model.complete(native)
    assert server.requests[0].body["messages"] == native


async def test_insufficient_quota_is_not_retried(server: LoopbackServer) -> None:
    body = {"error": {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}}
    server.answers = [Answer.json(body, 429)]
    async with chat(server, max_retries=3) as model:
        with pytest.raises(RateLimitError) as caught:
            await model.complete("hi")
    assert caught.value.retryable is False
    assert len(server.requests) == 1


async def test_the_server_may_say_whether_to_try_again(server: LoopbackServer) -> None:
    server.answers = [Answer.json({"error": {"message": "no"}}, 503, x_should_retry="false")]
    async with chat(server, max_retries=3) as model:
        with pytest.raises(ServerError):
            await model.complete("hi")
    assert len(server.requests) == 1


async def test_f_prv02_retries_then_success(server: LoopbackServer) -> None:
    """F-PRV02, F-N41: the SDK's retries are off, so the attempts are Lamella's, and visible."""
    failure = Answer.json({"error": {"message": "busy"}}, 429, retry_after_ms="1")
    server.answers = [failure, failure, Answer.events(*HELLO)]
    events: list[Event] = []
    async with chat(server, max_retries=2) as model:
        async for event in model.stream(ModelRequest.of("hi")):
            events.append(event)
    kinds = [
        event.type for event in events if isinstance(event, AttemptStart | AttemptRollback | ResponseDone)
    ]
    assert kinds == ["attempt.start", "attempt.rollback"] * 2 + ["attempt.start", "response.done"]
    assert len(server.requests) == 3
    assert {request.text for request in server.requests} == {server.requests[0].text}


async def test_html_instead_of_a_stream_says_that_the_url_is_wrong(server: LoopbackServer) -> None:
    server.answers = [Answer(headers={"content-type": "text/html"}, pieces=(b"<html></html>",))]
    async with chat(server) as model:
        with pytest.raises(LamellaError, match="base_url"):
            await model.complete("hi")


@pytest.mark.parametrize("then", ["drop", "end"])
async def test_f_n06_a_stream_that_breaks_off_has_its_text(server: LoopbackServer, then: str) -> None:
    """F-N06: dropped, or ended early: ``StreamInterruptedError`` with the text and usage so far."""
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    server.answers = [Answer.events(chunk("Hel"), chunk("lo", usage=usage), then=then)]
    async with chat(server) as model:
        with pytest.raises(StreamInterruptedError) as caught:
            await model.complete("hi")
    assert caught.value.retryable
    assert caught.value.partial.content == "Hello"
    assert caught.value.partial.usage.total_tokens == 4


async def test_a_drop_after_the_end_is_no_error(server: LoopbackServer) -> None:
    server.answers = [Answer.events(*HELLO, then="drop")]
    async with chat(server) as model:
        assert (await model.complete("hi")).content == "Hello"


async def test_a_server_that_is_silent_is_a_timeout(server: LoopbackServer) -> None:
    server.answers = [Answer(then="hang"), Answer.events(chunk("Hel"), then="hold")]
    async with chat(server, timeout=0.2) as model:
        with pytest.raises(APITimeoutError, match="timeout="):
            await model.complete("hi")
        with pytest.raises(APITimeoutError) as caught:
            await model.complete("hi")
    assert caught.value.partial.content == "Hel"


async def test_a_server_that_is_not_there_is_a_connection_error() -> None:
    async with ChatOpenAICompletions(
        "m", api_key=KEY, base_url="http://127.0.0.1:1/v1", max_retries=0
    ) as model:
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


async def test_f_n08_cancelling_closes_the_connection(server: LoopbackServer) -> None:
    """F-N08."""
    server.answers = [Answer.events(chunk("Hel"), then="hold")]
    async with chat(server) as model:
        task = asyncio.create_task(model.complete("hi"))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.disconnected.wait, 5)


# -- secrets --------------------------------------------------------------------------------------


async def test_f_n27_the_key_is_nowhere(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """F-N27: not in reprs, settings, dumps, events, errors with their causes and tracebacks, or debug logs."""
    caplog.set_level(logging.DEBUG)
    echo = {
        "error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key", "param": KEY}
    }
    server.answers = [
        Answer.events(*HELLO),
        Answer.json(echo, 401),
        Answer.events({"error": f"bad key {KEY}"}),
    ]
    model = chat(server)
    events = [event async for event in model.stream(ModelRequest.of("hi"))]
    shown = [
        repr(events),
        repr(model),
        str(model),
        repr(model.settings),
        repr(model.transport),
        repr(vars(model)),
    ]
    shown.append(repr(attrs.asdict(model, recurse=False)))
    for _ in range(2):
        with pytest.raises(LamellaError) as caught:
            await model.complete("hi")
        error = caught.value
        shown += [repr(error), str(error.context), repr(error.cause), repr(vars(error.cause or error))]
        shown.append("".join(traceback.format_exception(error)))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(model.api_key)
    await model.aclose()
    shown += [caplog.text, *capsys.readouterr()]
    assert [text for text in shown if KEY in text] == []
    assert "***" in shown[-4]


# -- other endpoints, the SDK ---------------------------------------------------------------------


async def test_f_emb01_embeddings(server: LoopbackServer) -> None:
    """F-EMB01: one vector for each input, in input order."""
    data = [{"index": 1, "embedding": [3.0, 4.0]}, {"index": 0, "embedding": [1.0, 2.0]}]
    server.answers = [Answer.json({"data": data})]
    async with chat(server) as model:
        found = await model.embed(["a", "b"], dimensions=2)
    assert [(vector.index, vector.vector) for vector in found] == [(0, (1.0, 2.0)), (1, (3.0, 4.0))]
    assert server.requests[0].body == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 2,
    }


async def test_model_list_and_token_count(server: LoopbackServer) -> None:
    server.answers = [Answer.json({"data": [{"id": "m2"}, {"id": "m1"}]}), Answer.json({"input_tokens": 7})]
    async with ChatOpenAI("m", api_key=KEY, base_url=server.url) as model:
        assert [info.formal_name for info in await model.list_models()] == ["m1", "m2"]
        count = await model.count_tokens("hi")
    assert (count.tokens, count.estimated) == (7, False)
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/responses/input_tokens"]
    assert set(server.requests[1].body) == {"model", "input"}


@pytest.mark.parametrize("status", [200, 503])
async def test_other_endpoints_fail_typed(server: LoopbackServer, status: int) -> None:
    server.answers = [Answer.json(["no"], status)]
    async with chat(server) as model:
        with pytest.raises(LamellaError):
            await model.embed(["a"])
        with pytest.raises(LamellaError):
            await model.list_models()


async def test_f_reg04_a_missing_sdk_is_a_plugin_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-REG04: cause ``ImportError``, and the line that installs it."""
    monkeypatch.setitem(sys.modules, "openai", None)
    async with ChatOpenAICompletions("m", api_key=KEY) as model:
        with pytest.raises(PluginError, match="pip install") as caught:
            await model.complete("hi")
    assert isinstance(caught.value.cause, ImportError)


def test_clients_of_dead_loops_are_closed_and_forgotten(server: LoopbackServer) -> None:
    server.answers = [Answer.json(COMPLETION)]
    model = chat(server, streaming=False)

    async def ask() -> None:
        await model.complete("hi")

    asyncio.run(ask())
    assert len(model.transport._clients) == 0
    gc.collect()  # what is left open would warn here


def test_importing_the_classes_imports_no_sdk() -> None:
    code = (
        "import sys, lamella_openai.plugin, lamella_openai.chat_plugin\n"
        "light = [name for name in ('openai', 'httpx2', 'pydantic', 'attrs') if name in sys.modules]\n"
        "from lamella_openai import ChatOpenAI\n"
        "ChatOpenAI(api_key='sk-x').encode\n"
        "heavy = [name for name in ('openai', 'httpx2', 'pydantic') if name in sys.modules]\n"
        "print(light, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    light, heavy = done.stdout.strip().split("] [")
    assert "openai" not in light
    assert "httpx2" not in light
    assert heavy == "]"


def test_bodies_are_json_whatever_they_hold() -> None:
    from lamella.models.body import body_of

    assert json.loads(body_of({"text": "ü\ud800"})) == {"text": "ü\ud800"}
    with pytest.raises(LamellaError, match="JSON"):
        body_of({"number": float("nan")})
