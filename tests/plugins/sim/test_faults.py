"""Injected faults are observable: pure on the pieces, and through the real SDK."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest

from lamella.errors import AgentInputError
from lamella_sim import (
    ErrorEventFault,
    Fault,
    KeepOpenFault,
    MalformedFault,
    ResetFault,
    Script,
    SimServer,
    SlowFault,
    StatusFault,
    TruncateFault,
)
from lamella_sim.faults import RESET
from lamella_sim.wires import OpenAIChat, OpenAIResponses, Pause, Piece

Serve = Callable[..., SimServer]
Connect = Callable[..., openai.AsyncOpenAI]
CHAT = OpenAIChat()
PIECES: list[Piece] = [b"one", Pause(1.0), b"two", b"three"]


def test_faults_are_pure_changes_of_the_pieces() -> None:
    def after(fault: Fault) -> list[Any]:
        return list(fault.apply(iter(PIECES), CHAT))

    assert after(Fault()) == PIECES
    assert after(ResetFault(2)) == [b"one", Pause(1.0), b"two", RESET]
    assert after(ResetFault()) == [RESET]
    assert after(TruncateFault(5)) == [b"one", Pause(1.0), b"tw"]
    assert after(TruncateFault(1, "chunks")) == [b"one"]
    assert after(MalformedFault(1, b"?")) == [b"one", b"?", Pause(1.0), b"two", b"three"]
    assert after(MalformedFault(9)) == [*PIECES, CHAT.malformed_chunk()]
    assert after(SlowFault(0.5, 1)) == [b"one", Pause(1.0), Pause(0.5), b"two", Pause(0.5), b"three"]
    assert after(KeepOpenFault()) == [*PIECES, Pause(None)]
    assert after(ErrorEventFault(0, 429, "m"))[0].startswith(
        b'data: {"error": {"message": "m", "type": "requests"'
    )
    with pytest.raises(json.JSONDecodeError):
        json.loads(CHAT.malformed_chunk().removeprefix(b"data: "))
    with pytest.raises(AgentInputError, match="ResetFault: 'after' must be a count"):
        ResetFault(-1)


async def read(client: openai.AsyncOpenAI, wire: str, stream: bool = True) -> list[Any]:
    if wire == "responses":
        reply: Any = await client.responses.create(model="m", input="hi", stream=stream)
    else:
        messages: Any = [{"role": "user", "content": "hi"}]
        reply = await client.chat.completions.create(model="m", messages=messages, stream=stream)
    return [chunk async for chunk in reply] if stream else [reply]


WIRES = pytest.mark.parametrize("wire", ["responses", "chat"])
SCRIPT = Script.of("one two three four five")


@WIRES
async def test_statuses_come_in_order_and_are_used_up(serve: Serve, connect: Connect, wire: str) -> None:
    faults = [
        StatusFault(429, {"retry-after": "0.01", "x-extra": "1"}, times=2),
        StatusFault(503, body="<html>gateway</html>"),
        StatusFault(400, body={"error": {"message": "mine", "code": "my_code"}}),
    ]
    server = serve(SCRIPT, faults=faults)
    client = connect(server)
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as limited:
            await read(client, wire)
        assert limited.value.response.headers["x-extra"] == "1"
    with pytest.raises(openai.InternalServerError) as gateway:
        await read(client, wire)
    assert gateway.value.response.headers["content-type"].startswith("text/html")
    with pytest.raises(openai.BadRequestError) as refused:
        await read(client, wire)
    assert refused.value.code == "my_code"
    assert await read(client, wire)
    assert [request.status for request in server.requests] == [429, 429, 503, 400, 200]
    assert server.requests[0].fault == faults[0]


@WIRES
async def test_the_sdks_own_retries_get_through(serve: Serve, connect: Connect, wire: str) -> None:
    server = serve(SCRIPT, faults=[StatusFault(500, {"retry-after-ms": "1"}, times=2)])
    assert await read(connect(server, max_retries=2), wire)
    assert len(server.requests) == 3


@WIRES
async def test_a_reset_breaks_the_connection(serve: Serve, connect: Connect, wire: str) -> None:
    server = serve(SCRIPT, faults=[ResetFault(3), ResetFault(1)])
    client = connect(server)
    seen: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        if wire == "responses":
            async for event in await client.responses.create(model="m", input="hi", stream=True):
                seen.append(event)
        else:
            messages: Any = [{"role": "user", "content": "hi"}]
            async for chunk in await client.chat.completions.create(
                model="m", messages=messages, stream=True
            ):
                seen.append(chunk)
    assert len(seen) == 3
    with pytest.raises(openai.APIConnectionError):
        await read(client, wire, stream=False)


@WIRES
async def test_a_truncated_stream_ends_silently(serve: Serve, connect: Connect, wire: str) -> None:
    server = serve(SCRIPT, faults=[TruncateFault(4, "chunks"), TruncateFault(30)])
    client = connect(server)
    assert len(await read(client, wire)) == 4
    with pytest.raises((json.JSONDecodeError, openai.APIError)):
        await read(client, wire, stream=False)


@WIRES
async def test_a_malformed_chunk(serve: Serve, connect: Connect, wire: str) -> None:
    server = serve(SCRIPT, faults=[MalformedFault(2)])
    with pytest.raises(json.JSONDecodeError):
        await read(connect(server), wire)


@WIRES
async def test_an_error_event_in_the_stream(serve: Serve, connect: Connect, wire: str) -> None:
    server = serve(SCRIPT, faults=[ErrorEventFault(3, 429, "too fast", times=2)])
    client = connect(server)
    with pytest.raises(openai.APIError, match="too fast") as caught:
        await read(client, wire)
    assert caught.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.RateLimitError, match="too fast"):
        await read(client, wire, stream=False)


def test_a_failed_response_follows_the_error_event() -> None:
    frames = list(OpenAIResponses().error_chunks(ErrorEventFault(message="m").error()))
    kinds = [json.loads(frame.partition(b"data: ")[2])["type"] for frame in frames]
    assert kinds == ["error", "response.failed"]


@WIRES
async def test_slow_chunks(serve: Serve, connect: Connect, wire: str) -> None:
    server = serve(SCRIPT, faults=[SlowFault(0.02), SlowFault(5, after=2)])
    start = time.perf_counter()
    chunks = await read(connect(server), wire)
    assert time.perf_counter() - start >= 0.02 * len(chunks)
    with pytest.raises(openai.APITimeoutError):
        await read(connect(server, timeout=0.2), wire)


def test_the_connection_stays_open_after_the_terminal_event(serve: Serve) -> None:
    server = serve(SCRIPT, faults=[KeepOpenFault()])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.3)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True})
    connection.request("POST", "/v1/chat/completions", body)
    response = connection.getresponse()
    received = b""
    while not received.endswith(b"data: [DONE]\n\n"):
        received += response.read1()
    with pytest.raises(TimeoutError):
        response.read1()
    response.close()
    connection.close()


async def test_faults_may_be_limited_to_a_path_and_added_later(serve: Serve, connect: Connect) -> None:
    server = serve(SCRIPT)
    client = connect(server)
    server.inject(StatusFault(500, times=None, path="/chat/completions"))
    assert await read(client, "responses")
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await read(client, "chat")
    server.clear()
    assert await read(client, "chat")


async def test_a_delay_slows_every_chunk(serve: Serve, connect: Connect) -> None:
    server = serve(SCRIPT, delay=0.01)
    start = time.perf_counter()
    chunks = await read(connect(server), "chat")
    assert time.perf_counter() - start >= 0.01 * len(chunks)
