"""The transport, through the HTTP client of the real SDK, against a server on loopback."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import subprocess
import sys
import traceback
from typing import Any

import httpx
import pytest
from loopback_server import Answer, LoopbackServer

from lamella import Agent, tool
from lamella.config import forget_projects
from lamella.errors import (
    AgentInputError,
    AgentParsingError,
    AgentSerializationError,
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
from lamella.models import ModelRequest, RequestOptions, RetryPolicy
from lamella_ollama import ChatOllama

KEY = "very-secret-0123456789"


def line(content: str = "", done: bool = False, **message: Any) -> dict[str, Any]:
    ending = {"done_reason": "stop", "prompt_eval_count": 3, "eval_count": 1} if done else {}
    said = {"role": "assistant", "content": content, **message}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": said, "done": done, **ending}


def ndjson(*lines: dict[str, Any], then: str = "end") -> Answer:
    pieces = tuple(json.dumps(each).encode() + b"\n" for each in lines)
    return Answer(headers={"content-type": "application/x-ndjson"}, pieces=pieces, then=then)


HELLO = (line("Hel"), line("lo"), line(done=True))
ANSWER = line("Hello", done=True)


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sun in {city}"


def chat(server: LoopbackServer, **fields: Any) -> ChatOllama:
    model = ChatOllama("m", **{"base_url": server.origin, "max_retries": 0, **fields})
    model.retry = RetryPolicy(max_retries=model.max_retries, base=0.001)
    return model


async def test_f_oll01_complete_and_stream_over_the_real_sdk(server: LoopbackServer) -> None:
    """F-OLL01, F-N23: path, body, headers; the answer streamed and in one piece, with its usage."""
    server.answers = [ndjson(*HELLO), Answer.json(ANSWER)]
    async with chat(server) as model:
        streamed = await model.complete("hi")
        whole = await model.complete("hi", streaming=False)
    assert streamed.content == whole.content == "Hello"
    assert streamed.usage == whole.usage
    assert whole.usage is not None
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (3, 1)
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/api/chat")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["accept"] == "application/x-ndjson"
    assert first.headers["user-agent"].startswith("ollama-python/")
    assert "authorization" not in first.headers
    assert first.body["stream"] is True
    assert first.body["keep_alive"] == "5m"
    assert second.body["stream"] is False


async def test_a_path_in_the_url_is_kept(server: LoopbackServer) -> None:
    server.answers = [Answer.json(ANSWER)]
    async with chat(server, base_url=f"{server.origin}/ollama/") as model:
        await model.complete("hi", streaming=False)
    assert server.requests[0].path == "/ollama/api/chat"


async def test_the_key_is_sent_where_there_is_one(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK reads the variable by itself; ``api_key=""`` sends none all the same."""
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)
    forget_projects()
    server.answers = [Answer.json(ANSWER)]
    for fields in ({}, {"api_key": ""}, {"api_key": "other"}):
        async with chat(server, **fields) as model:
            await model.complete("hi", streaming=False)
    sent = [request.headers.get("authorization") for request in server.requests]
    assert sent == [f"Bearer {KEY}", None, "Bearer other"]


async def test_headers_query_and_options_of_the_request(server: LoopbackServer) -> None:
    server.answers = [Answer.json(ANSWER)]
    options = RequestOptions(headers={"x-mine": "2"}, query={"q": "1"})
    async with chat(server, headers={"X-Mine": "1", "x-other": "1"}) as model:
        await model.complete("hi", streaming=False, options=options)
    (request,) = server.requests
    assert request.path == "/api/chat?q=1"
    assert (request.headers["x-mine"], request.headers["x-other"]) == ("2", "1")


def test_sync_forms(server: LoopbackServer) -> None:
    server.answers = [ndjson(*HELLO)]
    with chat(server) as model:
        assert model.complete_sync("hi").content == "Hello"
        deltas = [event.delta for event in model.stream_sync("hi") if isinstance(event, MessageOutputDelta)]
    assert deltas == ["Hel", "lo"]


async def test_f_n41_one_client_whose_connection_is_reused(server: LoopbackServer) -> None:
    """F-N41: streamed and unstreamed requests of one model share a connection."""
    server.answers = [ndjson(*HELLO), Answer.json(ANSWER), ndjson(*HELLO)]
    async with chat(server) as model:
        for streaming in (True, False, True):
            await model.complete("hi", streaming=streaming)
    assert server.connections == 1


def test_a_model_works_in_several_loops(server: LoopbackServer) -> None:
    server.answers = [Answer.json(ANSWER)]
    model = chat(server, streaming=False)

    async def ask() -> str:
        return (await model.complete("hi")).content

    assert asyncio.run(ask()) == asyncio.run(ask()) == model.complete_sync("hi").content == "Hello"
    model.close()
    assert len(model.transport._clients) == 0
    gc.collect()  # what is left open would warn here


async def test_an_own_http_client_is_used_and_left_open(server: LoopbackServer) -> None:
    server.answers = [Answer.json(ANSWER)]
    async with httpx.AsyncClient(headers={"x-mine": "1"}) as client:
        async with chat(server, http_client=client) as model:
            await model.complete("hi", streaming=False)
        assert not client.is_closed
    assert server.requests[0].headers["x-mine"] == "1"


@pytest.mark.parametrize(
    ("fields", "options", "seconds"),
    [
        ({}, {}, (120.0, 2.0)),
        ({"timeout": 5}, {}, (5, 2.0)),
        ({"timeout": None}, {}, (None, 2.0)),
        ({"timeout": 1}, {}, (1, 1)),
        ({"connect_timeout": None}, {}, (120.0, 120.0)),
        ({}, {"timeout": 7}, (7, 2.0)),
    ],
)
async def test_f_oll01_timeouts(
    server: LoopbackServer,
    fields: dict[str, Any],
    options: dict[str, Any],
    seconds: tuple[float | None, float],
) -> None:
    """F-OLL01: 120 seconds for the next byte, 2 for the connection."""
    seen: list[Any] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.extensions["timeout"])

    server.answers = [Answer.json(ANSWER)]
    async with (
        httpx.AsyncClient(event_hooks={"request": [note]}) as client,
        chat(server, http_client=client, **fields) as model,
    ):
        await model.complete("hi", streaming=False, options=RequestOptions(**options))
    assert (seen[0]["read"], seen[0]["connect"]) == seconds


# -- agents ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False])
async def test_f_n37_thinking_and_calls_between_turns(server: LoopbackServer, streaming: bool) -> None:
    """F-N37, F-N36, F-N20: thinking goes back with the calls, each output with the id of its call."""
    calls = [
        {"function": {"index": n, "name": "weather", "arguments": {"city": c}}} for n, c in enumerate("AB")
    ]
    if streaming:
        server.answers = [
            ndjson(line(thinking="hm"), line(tool_calls=calls[:1]), line(done=True, tool_calls=calls[1:])),
            ndjson(line("sunny"), line(done=True)),
        ]
    else:
        server.answers = [
            Answer.json(line(done=True, thinking="hm", tool_calls=calls)),
            Answer.json(line("sunny", done=True)),
        ]
    async with chat(server) as model:
        result = await Agent(model, tools=[weather], streaming=streaming).arun("How are A and B?")
    assert result.output == "sunny"
    user, assistant, *outputs = server.requests[1].body["messages"]
    assert user == {"role": "user", "content": "How are A and B?"}
    assert (assistant["thinking"], assistant["content"]) == ("hm", "")
    assert [call["function"] for call in assistant["tool_calls"]] == [call["function"] for call in calls]
    ids = [call["id"] for call in assistant["tool_calls"]]
    assert len(set(ids)) == 2
    assert outputs == [
        {"role": "tool", "content": f"sun in {city}", "tool_name": "weather", "tool_call_id": call_id}
        for city, call_id in zip("AB", ids, strict=True)
    ]


async def test_forcing_a_tool_fails_before_the_network(server: LoopbackServer) -> None:
    async with chat(server) as model:
        with pytest.raises(AgentSerializationError, match="tool_choice"):
            await Agent(model, tools=[weather], tool_choice="required").arun("hi")
    assert server.requests == []


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, AuthenticationError, False),
        (404, APIStatusError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (502, ServerError, True),
        (503, ServerError, True),
    ],
)
@pytest.mark.parametrize("streaming", [True, False])
async def test_f_n40_http_errors_are_mapped(
    server: LoopbackServer, status: int, error: type[APIStatusError], retryable: bool, streaming: bool
) -> None:
    """F-N40, F-PRV02: class, status, ``Retry-After``, and the server's own words."""
    server.answers = [Answer.json({"error": "went wrong"}, status, retry_after="7", x_request_id="req_1")]
    async with chat(server) as model:
        with pytest.raises(LamellaError) as caught:
            await model.complete("hi", streaming=streaming)
    found = caught.value
    assert type(found) is error
    assert (found.status_code, found.retryable, found.retry_after) == (status, retryable, 7)
    assert "went wrong" in found.message
    assert found.context["request_id"] == "req_1"
    assert found.context["provider"] == "ollama"


async def test_a_missing_model_says_how_to_get_it(server: LoopbackServer) -> None:
    server.answers = [Answer.json({"error": "model 'qwen3:4b' not found"}, 404)]
    async with chat(server, max_retries=3) as model:
        with pytest.raises(APIStatusError, match=r"ollama pull qwen3:4b$"):
            await model.complete("hi")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "cls", "words"),
    [
        (404, b"404 page not found", APIStatusError, "base_url"),
        (
            401,
            b'{"error":"unauthorized","signin_url":"https://ollama.com/connect?x"}',
            AuthenticationError,
            "connect",
        ),
        (401, b'{"error":"unauthorized"}', AuthenticationError, "OLLAMA_API_KEY"),
        (500, b'{"error":"the input length exceeds the context length"}', InvalidRequestError, "context"),
        (429, b'{"error":"you have reached your hourly usage limit"}', RateLimitError, "usage limit"),
        (500, b"", ServerError, "no reason given"),
        (500, b"[]", ServerError, "500"),
        (400, b'{"error":{"message":"odd","code":"x"}}', InvalidRequestError, "odd"),
    ],
)
async def test_errors_say_what_to_do(
    server: LoopbackServer, status: int, body: bytes, cls: type[APIStatusError], words: str
) -> None:
    server.answers = [Answer(status=status, pieces=(body,))]
    async with chat(server) as model:
        with pytest.raises(LamellaError, match=words) as caught:
            await model.complete("hi")
    assert type(caught.value) is cls
    assert caught.value.retryable is (status == 500 and cls is ServerError)


async def test_f_x05_retries_then_success(server: LoopbackServer) -> None:
    """F-X05, F-PRV02, F-N41: the attempts are Lamella's, and visible."""
    failure = Answer.json({"error": "server busy, please try again"}, 503, retry_after_ms="1")
    server.answers = [failure, failure, ndjson(*HELLO)]
    events: list[Event] = []
    async with chat(server, max_retries=2) as model:
        async for event in model.stream(ModelRequest.of("hi")):
            events.append(event)
    kinds = [
        event.type for event in events if isinstance(event, AttemptStart | AttemptRollback | ResponseDone)
    ]
    assert kinds == ["attempt.start", "attempt.rollback"] * 2 + ["attempt.start", "response.done"]
    assert len({request.text for request in server.requests}) == 1


@pytest.mark.parametrize("then", ["drop", "end"])
async def test_f_n06_a_stream_that_breaks_off_has_its_text(server: LoopbackServer, then: str) -> None:
    """F-N06, F-PRV02: dropped, or ended early; the exceptions of httpx do not leak."""
    server.answers = [ndjson(line("Hel"), line("lo"), then=then)]
    async with chat(server) as model:
        with pytest.raises(StreamInterruptedError) as caught:
            await model.complete("hi")
    assert caught.value.retryable
    assert caught.value.partial.content == "Hello"


async def test_a_drop_after_the_end_is_no_error(server: LoopbackServer) -> None:
    server.answers = [ndjson(*HELLO, then="drop")]
    async with chat(server) as model:
        assert (await model.complete("hi")).content == "Hello"


async def test_f_n05_an_error_line_in_a_stream_is_raised(server: LoopbackServer) -> None:
    """F-N05, F-PRV02."""
    server.answers = [ndjson(line("Hel"), {"error": "model runner has unexpectedly stopped"})]
    async with chat(server) as model:
        with pytest.raises(ServerError, match="unexpectedly stopped") as caught:
            await model.complete("hi")
    assert caught.value.partial.content == "Hel"


async def test_other_servers_are_told_from_ollama(server: LoopbackServer) -> None:
    server.answers = [
        Answer(headers={"content-type": "text/html"}, pieces=(b"<html></html>",)),
        Answer(headers={"content-type": "text/plain"}, pieces=(b"Ollama is running\n",)),
    ]
    async with chat(server) as model:
        with pytest.raises(AgentParsingError, match="base_url"):
            await model.complete("hi")
        with pytest.raises(AgentParsingError, match="not JSON"):
            await model.complete("hi")


async def test_a_server_that_is_silent_is_a_timeout(server: LoopbackServer) -> None:
    server.answers = [Answer(then="hang"), ndjson(line("Hel"), then="hold")]
    async with chat(server, timeout=0.2) as model:
        with pytest.raises(APITimeoutError, match=r"raise timeout="):
            await model.complete("hi")
        with pytest.raises(APITimeoutError) as caught:
            await model.complete("hi")
    assert caught.value.partial.content == "Hel"


async def test_a_server_that_is_not_there_says_how_to_start_it() -> None:
    async with ChatOllama("m", base_url="127.0.0.1:1", max_retries=0) as model:
        for asked in (model.complete("hi"), model.embed(["a"])):
            with pytest.raises(APIConnectionError, match=r"127\.0\.0\.1:1.*ollama serve"):
                await asked


async def test_a_connection_that_takes_long_says_so() -> None:
    """Not the read timeout: the message names the setting that matters."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("too long", request=request)

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client,
        ChatOllama("m", http_client=client, max_retries=0) as model,
    ):
        with pytest.raises(APITimeoutError, match=r"ollama serve, or raise connect_timeout"):
            await model.complete("hi")


async def test_f_n08_leaving_early_closes_the_connection(server: LoopbackServer) -> None:
    """F-N08: the server sees the connection close, though the stream had not ended."""
    server.answers = [ndjson(line("Hel"), then="hold")]
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
    """F-N27: not in reprs, settings, events, errors with their causes and tracebacks, or debug logs."""
    caplog.set_level(logging.DEBUG)
    server.answers = [
        ndjson(*HELLO),
        Answer.json({"error": f"unauthorized: {KEY}"}, 401),
        ndjson({"error": f"bad key {KEY}"}),
    ]
    model = chat(server, api_key=KEY)
    shown = [repr([event async for event in model.stream(ModelRequest.of("hi"))])]
    shown += [repr(model), repr(model.settings), repr(model.transport), repr(vars(model))]
    for _ in range(2):
        with pytest.raises(LamellaError) as caught:
            await model.complete("hi")
        error = caught.value
        shown += [repr(error), str(error.context), repr(error.cause), repr(vars(error))]
        shown.append("".join(traceback.format_exception(error)))
        assert "***" in error.message
    await model.aclose()
    shown += [caplog.text, *capsys.readouterr()]
    assert [text for text in shown if KEY in text] == []


# -- other endpoints, the SDK ---------------------------------------------------------------------


async def test_f_emb01_embeddings(server: LoopbackServer) -> None:
    """F-EMB01: one vector for each input, in input order."""
    server.answers = [
        Answer.json({"model": "e", "embeddings": [[1, 2.5], [3.0, 4.0]], "prompt_eval_count": 2})
    ]
    async with chat(server) as model:
        found = await model.embed(["a", "b"], dimensions=2)
        await model.embed(["a", "b"], model="embeddinggemma")
        with pytest.raises(AgentInputError):
            await model.embed([])
    assert [(vector.index, vector.vector) for vector in found] == [(0, (1.0, 2.5)), (1, (3.0, 4.0))]
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/api/embed")
    assert first.body == {"model": "nomic-embed-text", "input": ["a", "b"], "dimensions": 2}
    assert second.body == {"model": "embeddinggemma", "input": ["a", "b"]}


async def test_f_x13_tokens_are_estimated(server: LoopbackServer) -> None:
    """F-X13: Ollama counts none beforehand; the estimate says that it is one, and asks nobody."""
    async with chat(server) as model:
        count = await model.count_tokens("hi" * 100)
    assert count.estimated
    assert count.tokens >= 50
    assert server.requests == []


async def test_model_list(server: LoopbackServer) -> None:
    server.answers = [Answer.json({"models": [{"name": "b:latest", "model": "b:latest"}, {"name": "a:1b"}]})]
    async with chat(server) as model:
        assert [info.formal_name for info in await model.list_models()] == ["a:1b", "b:latest"]
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/api/tags")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"embeddings": {}, "models": {}},
        {"embeddings": [], "models": [7]},
        {"embeddings": [["x"]], "models": [{}]},
        {"embeddings": [None], "models": [None]},
    ],
)
async def test_other_endpoints_fail_typed(server: LoopbackServer, body: Any) -> None:
    server.answers = [Answer.json(body)]
    async with chat(server) as model:
        with pytest.raises(AgentParsingError):
            await model.embed(["a"])
        with pytest.raises(AgentParsingError):
            await model.list_models()
    server.answers = [Answer.json({"error": "model 'nomic-embed-text' not found"}, 404)]
    async with chat(server) as model:
        with pytest.raises(APIStatusError, match="ollama pull nomic-embed-text"):
            await model.embed(["a"])


async def test_f_reg04_a_missing_sdk_is_a_plugin_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-REG04: cause ``ImportError``, and the line that installs it."""
    monkeypatch.setitem(sys.modules, "ollama", None)
    async with ChatOllama("m") as model:
        with pytest.raises(PluginError, match="pip install") as caught:
            await model.complete("hi")
    assert isinstance(caught.value.cause, ImportError)


def test_importing_the_plugin_imports_no_sdk() -> None:
    code = (
        "import sys, lamella_ollama.plugin\n"
        "light = [name for name in ('ollama', 'httpx', 'pydantic', 'attrs') if name in sys.modules]\n"
        "from lamella import ModelRequest\n"
        "from lamella_ollama import ChatOllama\n"
        "ChatOllama().encode(ModelRequest.of('hi'))\n"
        "heavy = [name for name in ('ollama', 'httpx', 'httpx2', 'pydantic', 'openai') if name in sys.modules]\n"
        "print(light, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    light, heavy = done.stdout.strip().split("] [")
    assert "ollama" not in light
    assert "httpx" not in light
    assert heavy == "]"
