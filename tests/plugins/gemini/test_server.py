"""The transport, through the real SDK, against a server on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from types import SimpleNamespace
from typing import Any

import pytest
from loopback_server import Answer, LoopbackServer

from lamella.errors import (
    AgentInputError,
    AgentParsingError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    InvalidRequestError,
    PluginError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from lamella.events import AttemptRollback, AttemptStart, MessageOutputDelta
from lamella.models import ModelRequest, RetryPolicy
from lamella.models.options import RequestOptions
from lamella_gemini import ChatGemini

KEY = "AIzaVerySecret0123456789"


def chunk(text: str | None = None, finish: str | None = None, **beside: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = (
        {} if text is None else {"content": {"parts": [{"text": text}], "role": "model"}}
    )
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "r1", **beside}


HELLO = (chunk("Hel"), chunk("lo"), chunk(finish="STOP", usageMetadata={"totalTokenCount": 4}))
WHOLE = chunk("Hello", "STOP", usageMetadata={"totalTokenCount": 4})


def gemini(server: LoopbackServer, name: str = "gemini-3-flash-preview", **fields: Any) -> ChatGemini:
    model = ChatGemini(name, **{"api_key": KEY, "base_url": server.origin, "max_retries": 0, **fields})
    model.retry = RetryPolicy(max_retries=model.max_retries, base=0.001)
    return model


async def test_f_gem01_streamed_and_whole_over_the_real_sdk(server: LoopbackServer) -> None:
    """F-GEM01, F-N23, F-N41: key, version, path and body; one connection."""
    server.answers = [Answer.events(*HELLO), Answer.json(WHOLE)]
    async with gemini(server) as model:
        streamed = await model.complete("hi")
        whole = await model.complete("hi", streaming=False)
    assert streamed.content == whole.content == "Hello"
    assert streamed.usage == whole.usage
    first, second = server.requests
    path = "/v1beta/models/gemini-3-flash-preview"
    assert (first.method, first.path) == ("POST", f"{path}:streamGenerateContent?alt=sse")
    assert second.path == f"{path}:generateContent"
    assert first.headers["x-goog-api-key"] == KEY
    assert "authorization" not in first.headers
    assert first.headers["x-goog-api-client"].startswith("google-genai-sdk/")
    assert first.headers["content-type"] == "application/json"
    assert first.body == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert server.connections == 1


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("models/gemini-x", "models/gemini-x"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("a b?c#d", "models/a%20b%3Fc%23d"),
    ],
)
async def test_names_of_models_in_the_path(server: LoopbackServer, name: str, resource: str) -> None:
    server.answers = [Answer.json(WHOLE)]
    async with gemini(server, name, streaming=False) as model:
        await model.complete("hi")
    assert server.requests[0].path == f"/v1beta/{resource}:generateContent"


async def test_the_version_is_a_field(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own variables change nothing; a base URL may hold the version already."""
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v9")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    server.answers = [Answer.json(WHOLE)]
    for fields in ({"api_version": "v1"}, {}, {"base_url": f"{server.origin}/v1beta/"}):
        async with gemini(server, "m", streaming=False, **fields) as model:
            await model.complete("hi")
    assert [request.path.split("/")[1] for request in server.requests] == ["v1", "v1beta", "v1beta"]
    assert {request.path.count("v1") for request in server.requests} == {1}


async def test_headers_and_query_of_one_request(server: LoopbackServer) -> None:
    """``alt=sse`` stays."""
    server.answers = [Answer.events(*HELLO)]
    options = RequestOptions(headers={"x-one": "1"}, query={"q": "2"})
    async with gemini(server, headers={"X-Goog-Api-Client": "mine"}, query={"p": "1"}) as model:
        await model.complete(ModelRequest.of("hi", options=options))
    (request,) = server.requests
    assert request.headers["x-one"] == "1"
    assert request.headers["x-goog-api-client"] == "mine"
    assert request.path.split("?")[1].split("&") == ["alt=sse", "p=1", "q=2"]


async def test_without_a_key_none_is_sent(server: LoopbackServer) -> None:
    server.answers = [Answer.json(WHOLE)]
    async with gemini(server, api_key="", streaming=False) as model:
        await model.complete("hi")
    assert "x-goog-api-key" not in server.requests[0].headers


def test_sync_forms_and_several_loops(server: LoopbackServer) -> None:
    server.answers = [Answer.events(*HELLO)]
    with gemini(server) as model:
        assert model.complete_sync("hi").content == "Hello"
        deltas = [event.delta for event in model.stream_sync("hi") if isinstance(event, MessageOutputDelta)]
        assert deltas == ["Hel", "lo"]

    async def ask() -> str:
        answer = await model.complete("hi")
        await model.aclose()
        return answer.content

    assert asyncio.run(ask()) == asyncio.run(ask()) == "Hello"


async def test_an_own_http_client_is_used_and_left_open(server: LoopbackServer) -> None:
    import httpx2

    server.answers = [Answer.json(WHOLE)]
    async with httpx2.AsyncClient(headers={"x-mine": "1"}) as client:
        async with gemini(server, http_client=client, streaming=False) as model:
            await model.complete("hi")
        assert not client.is_closed
    assert server.requests[0].headers["x-mine"] == "1"


async def test_the_sdk_missing(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-PRV02: the message says what to install."""
    monkeypatch.setitem(sys.modules, "google.genai.types", None)
    with pytest.raises(PluginError, match="pip install --upgrade lamella-gemini"):
        await gemini(server).complete("hi")


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "INVALID_ARGUMENT", InvalidRequestError),
        (403, "PERMISSION_DENIED", AuthenticationError),
        (404, "NOT_FOUND", APIStatusError),
        (429, "RESOURCE_EXHAUSTED", RateLimitError),
        (503, "UNAVAILABLE", ServerError),
        (504, "DEADLINE_EXCEEDED", ServerError),
    ],
)
async def test_f_prv02_error_statuses(
    server: LoopbackServer, status: int, word: str, kind: type[APIStatusError]
) -> None:
    """F-PRV02, F-N40: typed, without the key, which servers echo."""
    error = {"code": status, "message": f"no: {KEY}", "status": word}
    server.answers = [Answer.json({"error": error}, status)]
    for streaming in (True, False):
        async with gemini(server) as model:
            with pytest.raises(kind) as caught:
                await model.complete("hi", streaming=streaming)
        assert type(caught.value) is kind
        assert caught.value.status_code == status
        assert caught.value.context["status"] == word
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert KEY not in repr(vars(caught.value))


async def test_f_x05_retries_wait_as_the_server_says(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F-X05, F-PRV02, F-N41: one retry layer; ``attempt.*`` around each try; RetryInfo is heeded."""

    async def sleep(seconds: float, *_: Any) -> None:
        """The time passes at once."""

    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "7s"}]}
    server.answers = [
        Answer.json({"error": error}, 429),
        Answer.json({"error": {"code": 503, "status": "UNAVAILABLE"}}, 503),
        Answer.events(*HELLO),
    ]
    async with gemini(server, max_retries=3) as model:
        monkeypatch.setattr(
            "lamella.models.http.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep})
        )
        events = [event async for event in model.stream(ModelRequest.of("hi"))]
        monkeypatch.undo()
    assert len(server.requests) == 3
    assert sum(isinstance(event, AttemptStart) for event in events) == 3
    waits = [event.wait for event in events if isinstance(event, AttemptRollback)]
    assert len(waits) == 2
    assert 7 <= waits[0] < 10


async def test_quotas_of_the_day_are_not_retried(server: LoopbackServer) -> None:
    details = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}, {"retryDelay": "1s"}]
    server.answers = [Answer.json({"error": {"code": 429, "details": details}}, 429)]
    async with gemini(server, max_retries=3) as model:
        with pytest.raises(RateLimitError):
            await model.complete("hi")
    assert len(server.requests) == 1


async def test_streams_that_break(server: LoopbackServer) -> None:
    """With what had come."""
    for answer in (Answer.events(*HELLO[:2]), Answer.events(*HELLO[:2], then="drop")):
        server.answers = [answer]
        async with gemini(server) as model:
            with pytest.raises(StreamInterruptedError) as caught:
                await model.complete("hi")
        assert caught.value.partial.content == "Hello"


async def test_what_a_stream_that_breaks_has_cost(server: LoopbackServer) -> None:
    """The last report counts, though deltas of usual chunks do not repeat it."""
    usages = [{"promptTokenCount": 5, "candidatesTokenCount": n, "totalTokenCount": 5 + n} for n in (1, 4, 9)]
    told = [{**chunk, "usageMetadata": usage} for chunk, usage in zip([HELLO[0]] * 3, usages, strict=True)]
    paid_how = {**HELLO[0], "usageMetadata": {"trafficType": "ON_DEMAND"}}
    server.answers = [Answer.events(*told, paid_how, then="drop"), Answer.events(*HELLO)]
    async with gemini(server, max_retries=1) as model:
        model.retry = RetryPolicy(max_retries=1, base=0.0)
        events = [event async for event in model.stream(ModelRequest.of("hi"))]
    (rollback,) = (event for event in events if isinstance(event, AttemptRollback))
    assert rollback.token_usage is not None
    assert (rollback.token_usage.output_tokens, rollback.token_usage.total_tokens) == (9, 14)

    server.answers = [Answer.events(*told, then="drop")]
    async with gemini(server) as model:
        with pytest.raises(StreamInterruptedError) as caught:
            await model.complete("hi")
    assert caught.value.partial.usage.total_tokens == 14


async def test_servers_that_do_not_answer(server: LoopbackServer) -> None:
    server.answers = [Answer(then="hang")]
    async with gemini(server, timeout=0.2) as model:
        with pytest.raises(APITimeoutError):
            await model.complete("hi")
    async with ChatGemini("m", api_key=KEY, base_url="http://127.0.0.1:9", max_retries=0) as nobody:
        with pytest.raises(APIConnectionError):
            await nobody.complete("hi")


async def test_what_is_no_json(server: LoopbackServer) -> None:
    server.answers = [Answer.events("{not json", *HELLO)]
    async with gemini(server) as model:
        with pytest.raises(AgentParsingError):
            await model.complete("hi")
    server.answers = [Answer(headers={"content-type": "text/html"}, pieces=(b"<html>",))]
    async with gemini(server) as model:
        with pytest.raises(AgentParsingError, match="base_url"):
            await model.complete("hi")


# -- the other endpoints --------------------------------------------------------------------------


async def test_f_emb01_embeddings(server: LoopbackServer) -> None:
    """F-EMB01: in input order, with the dimensions asked for, a hundred at a time."""

    def vectors(count: int, first: int) -> Answer:
        return Answer.json({"embeddings": [{"values": [first + place, 0.5]} for place in range(count)]})

    server.answers = [vectors(100, 0), vectors(2, 100), vectors(1, 0)]
    async with gemini(server) as model:
        found = await model.embed([f"t{place}" for place in range(102)], dimensions=2)
        other = await model.embed(["x"], model="models/gemini-embedding-2")
    assert [each.index for each in found] == list(range(102))
    assert [each.vector[0] for each in found] == [float(place) for place in range(102)]
    assert len(other) == 1
    first, _, last = server.requests
    assert first.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert first.body["requests"][0] == {
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "t0"}]},
        "outputDimensionality": 2,
    }
    assert last.body["requests"] == [
        {"model": "models/gemini-embedding-2", "content": {"parts": [{"text": "x"}]}}
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"embeddings": {}}, {"embeddings": []}, {"embeddings": [1]}, {"embeddings": [{"values": ["x"]}]}],
)
async def test_f_emb01_answers_of_no_form(server: LoopbackServer, body: Any) -> None:
    """F-EMB01: typed errors."""
    server.answers = [Answer.json(body)]
    async with gemini(server) as model:
        with pytest.raises(AgentParsingError):
            await model.embed(["x"])
        with pytest.raises(AgentInputError):
            await model.embed([])
        with pytest.raises(AgentInputError):
            await model.embed("x")


async def test_f_x13_tokens_are_counted_with_system_and_tools(server: LoopbackServer) -> None:
    """F-X13: by the server, of the request as it would be sent."""
    server.answers = [Answer.json({"totalTokens": 12}), Answer.json({"totalTokens": "many"})]
    async with gemini(server, "m", temperature=0) as model:
        request = ModelRequest.of("hi", system_instruction="Be brief.")
        count = await model.count_tokens(request)
        with pytest.raises(AgentParsingError):
            await model.count_tokens("hi")
    assert (count.tokens, count.estimated) == (12, False)
    sent = server.requests[0]
    assert sent.path == "/v1beta/models/m:countTokens"
    assert sent.body == {"generateContentRequest": {"model": "models/m", **model.encode(request)}}


async def test_the_list_of_models_has_pages(server: LoopbackServer) -> None:
    server.answers = [
        Answer.json(
            {
                "models": [
                    {"name": "models/b", "displayName": "B", "inputTokenLimit": 10, "outputTokenLimit": 5}
                ],
                "nextPageToken": "a/b=",
            }
        ),
        Answer.json({"models": [{"name": "models/a"}]}),
    ]
    async with gemini(server) as model:
        first, second = await model.list_models()
    assert (first.formal_name, first.context_window) == ("a", None)
    assert (second.formal_name, second.display_name) == ("b", "B")
    assert (second.context_window, second.max_output_tokens) == (10, 5)
    paths = [request.path for request in server.requests]
    assert paths == ["/v1beta/models?pageSize=1000", "/v1beta/models?pageSize=1000&pageToken=a%2Fb%3D"]
    server.answers = [Answer.json({"models": [{}]})]
    async with gemini(server) as model:
        with pytest.raises(AgentParsingError):
            await model.list_models()


async def test_settings_hide_the_key(server: LoopbackServer) -> None:
    model = gemini(server, temperature=0.5)
    shown = json.dumps(dict(model.settings))
    assert KEY not in shown
    assert "temperature" in shown
