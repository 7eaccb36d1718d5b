"""The server and the real SDK: both wires, streamed and not, records, keys, errors, life."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import openai
import pytest

from lamella.errors import ConfigError
from lamella.usage import TokenUsage
from lamella_sim import (
    ChatSim,
    Delay,
    Error,
    Reasoning,
    Refusal,
    Script,
    SimServer,
    Structured,
    Text,
    ToolCall,
    Turn,
)
from lamella_sim.behaviours import MODEL_NAMES

Serve = Callable[..., SimServer]
Connect = Callable[..., openai.AsyncOpenAI]

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FLAT: Any = {
    "type": "function",
    "name": "weather",
    "description": "Weather",
    "parameters": WEATHER,
    "strict": False,
}
NESTED: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "Weather", "parameters": WEATHER},
}
PROMPT = "What's the weather in Paris and in Rome?"


def post(
    server: SimServer, path: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, Any, Any]:
    """A request without the SDK: status, body, headers."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        server.url + path, data, {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read()), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers


async def test_a_tool_loop_on_responses(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    first = await client.responses.create(model="gpt-5-nano", input=PROMPT, tools=[FLAT])
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("weather", {"city": "Paris"}),
        ("weather", {"city": "Rome"}),
    ]
    assert first.model == "sim-gpt-5-nano"
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": output}
        for call, output in zip(calls, ("sunny", "rain"), strict=True)
    ]
    history: Any = [
        {"role": "user", "content": PROMPT},
        *[item.model_dump() for item in first.output],
        *outputs,
    ]
    second = await client.responses.create(model="gpt-5-nano", input=history, tools=[FLAT])
    assert second.output_text == (
        'According to weather(city="Paris"), the answer is sunny. '
        'According to weather(city="Rome"), the answer is rain.'
    )


async def test_a_tool_loop_on_chat(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    history: list[Any] = [{"role": "user", "content": PROMPT}]
    first = await client.chat.completions.create(model="gpt-5-nano", messages=history, tools=[NESTED])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    history.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls or ():
        history.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    second = await client.chat.completions.create(model="gpt-5-nano", messages=history, tools=[NESTED])
    assert second.choices[0].message.content == (
        'According to weather(city="Paris"), the answer is sunny. '
        'According to weather(city="Rome"), the answer is sunny.'
    )
    assert second.model == "sim-gpt-5-nano"


async def test_the_wires_say_what_the_model_says_in_process(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    for prompt in ("hello", "What is 2 + 3?", "[sim] {}"):
        expected = (await ChatSim().complete(prompt)).content
        assert (await client.responses.create(model="x", input=prompt)).output_text == expected
        chat = await client.chat.completions.create(model="x", messages=[{"role": "user", "content": prompt}])
        assert chat.choices[0].message.content == expected


async def test_the_responses_stream_is_complete(serve: Serve, connect: Connect) -> None:
    script = Script.of(
        [Reasoning("t", summary="s", signature="sig"), "a b", ToolCall("f", {"x": 1}), Refusal("no")]
    )
    client = connect(serve(script))
    events = [event async for event in await client.responses.create(model="m", input="hi", stream=True)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_text.delta",
        "reasoning_text.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    items: list[Any] = [event.item for event in events if event.type == "response.output_item.done"]
    added: list[Any] = [event.item for event in events if event.type == "response.output_item.added"]
    final: Any = events[-1]
    assert final.response.output == items
    assert items[0].encrypted_content == "sig"
    assert added[0].encrypted_content != "sig"  # as on the real wire: the item that is done counts
    assert final.response.usage.output_tokens > 0
    assert events[0].response.usage is None  # type: ignore[union-attr]


async def test_the_chat_stream_is_complete(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of(["a b", ToolCall("f", {}), ToolCall("g", {})])))
    stream = await client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    fragments = [
        call for chunk in chunks if chunk.choices for call in chunk.choices[0].delta.tool_calls or ()
    ]
    assert [
        (call.index, call.id is not None, call.function and call.function.name) for call in fragments
    ] == [
        (0, True, "f"),
        (0, False, None),
        (1, True, "g"),
        (1, False, None),
    ]
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_usage_keeps_openais_counting(serve: Serve, connect: Connect) -> None:
    usage = TokenUsage(
        input_tokens=10, cached_read_tokens=4, cached_write_tokens=2, output_tokens=5, reasoning_tokens=3
    )
    client = connect(serve(Script.of(Turn("x", usage=usage))))
    response = await client.responses.create(model="m", input="hi")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (
        16,
        8,
        24,
    )
    assert response.usage.input_tokens_details.cached_tokens == 4
    assert response.usage.output_tokens_details.reasoning_tokens == 3
    chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert chat.usage is not None
    assert (chat.usage.prompt_tokens, chat.usage.completion_tokens, chat.usage.total_tokens) == (16, 8, 24)


async def test_stop_reasons_on_both_wires(serve: Serve, connect: Connect) -> None:
    for reason, status, finish in (
        ("max_tokens", "incomplete", "length"),
        ("content_filter", "incomplete", "content_filter"),
        ("end_turn", "completed", "stop"),
    ):
        client = connect(serve(Script((Turn("x", stop_reason=reason),))))  # type: ignore[arg-type]
        response = await client.responses.create(model="m", input="hi")
        assert response.status == status
        assert (response.incomplete_details is None) == (status == "completed")
        chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert chat.choices[0].finish_reason == finish


async def test_structured_output_on_both_wires(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    flat: Any = {"format": {"type": "json_schema", "name": "person", "schema": schema, "strict": True}}
    response = await client.responses.create(model="m", input="Ada is 36.", text=flat)
    assert json.loads(response.output_text) == {"name": "Ada", "age": 36}
    nested: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    chat = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Ada is 36."}], response_format=nested
    )
    assert json.loads(chat.choices[0].message.content or "") == {"name": "Ada", "age": 36}
    scripted = connect(serve(Script.of(Structured({"a": 1}))))
    assert (await scripted.responses.create(model="m", input="x")).output_text == '{"a": 1}'


async def test_tool_choice_on_both_wires(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    now: Any = {
        "type": "function",
        "name": "now",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    }
    choices: list[tuple[Any, list[str]]] = [
        ("none", []),
        ("required", ["weather"]),
        ({"type": "function", "name": "now"}, ["now"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "now"}]},
            ["now"],
        ),
    ]
    for choice, names in choices:
        response = await client.responses.create(
            model="m", input="Hello", tools=[FLAT, now], tool_choice=choice
        )
        assert [item.name for item in response.output if item.type == "function_call"] == names
    forced: Any = {"type": "function", "function": {"name": "weather"}}
    chat = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Hello"}], tools=[NESTED], tool_choice=forced
    )
    assert [call.function.name for call in chat.choices[0].message.tool_calls or ()] == ["weather"]  # type: ignore[union-attr]


async def test_media_is_read_on_both_wires(serve: Serve, connect: Connect) -> None:
    client = connect(serve())
    url = "data:image/png;base64," + base64.b64encode(b"12345").decode()
    parts: Any = [
        {"type": "input_text", "text": "See"},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    response = await client.responses.create(model="m", input=[{"role": "user", "content": parts}])
    assert "an image (image/png, 5 bytes)" in response.output_text
    audio = {"data": base64.b64encode(b"123").decode(), "format": "wav"}
    content: Any = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": audio},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    chat = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": content}])
    text = chat.choices[0].message.content or ""
    assert "an image (image/*, by URL)" in text
    assert "an audio (audio/wav, 3 bytes)" in text
    assert "a document (application/*, by file id)" in text


async def test_echo_and_the_model_list(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of("scripted")))
    assert (await client.responses.create(model="sim-echo", input="again")).output_text == "again"
    assert (await client.responses.create(model="any", input="again")).output_text == "scripted"
    listed = [model.id async for model in await client.models.list()]
    assert listed == [f"sim-{name}" for name in MODEL_NAMES]


async def test_scripted_errors_are_http_errors(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of(Error(429, "slow down", retry_after=7))))
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError, match="slow down") as caught:
            await client.responses.create(model="m", input="hi", stream=stream)
        assert caught.value.response.headers["retry-after"] == "7"
        assert caught.value.code == "rate_limit_exceeded"
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], stream=stream
            )


async def test_a_scripted_error_after_text_comes_in_the_stream(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of(["partial text", Error(503, "overloaded", code="server_overloaded")])))
    seen: list[str] = []
    with pytest.raises(openai.APIError, match="overloaded") as caught:
        async for event in await client.responses.create(model="m", input="hi", stream=True):
            seen.append(event.type)
    assert caught.value.code == "server_overloaded"
    assert seen.count("response.output_text.delta") == 2
    with pytest.raises(openai.APIError, match="overloaded"):
        async for _ in await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            seen.append("chunk")
    with pytest.raises(openai.InternalServerError):
        await client.responses.create(model="m", input="hi")


async def test_a_script_that_ends_or_breaks_is_told_and_not_retried(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of("only one"))
    client = connect(server, max_retries=3)
    history: Any = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    with pytest.raises(openai.BadRequestError, match=r"has 1 turn .* asks for turn 2"):
        await client.responses.create(model="m", input=history)
    assert len(server.requests) == 1
    assert server.requests[0].status == 400
    broken = serve(lambda request: 1 / 0)
    with pytest.raises(openai.BadRequestError, match="ZeroDivisionError"):
        await connect(broken).responses.create(model="m", input="hi")


async def test_requests_are_recorded_without_secrets(serve: Serve, connect: Connect) -> None:
    server = serve()
    await connect(server).responses.create(model="m", input="hi", extra_headers={"X-Mine": "kept"})
    (request,) = server.requests
    assert (request.method, request.path, request.status, request.fault) == (
        "POST",
        "/v1/responses",
        200,
        None,
    )
    assert request.json == {"model": "m", "input": "hi"}
    assert request.headers["x-mine"] == "kept"
    assert request.headers["authorization"] == "***"
    assert "sk-secret-of-the-test" not in repr(request) + json.dumps(dict(request.headers))
    server.clear()
    assert server.requests == ()


def test_every_response_says_that_it_is_simulated(serve: Serve) -> None:
    server = serve()
    for path, body in (("/v1/responses", {"model": "m", "input": "x"}), ("/v1/responses", {}), ("/v2/x", {})):
        assert post(server, path, body)[2]["x-lamella-sim"] == "1"
    assert post(server, "/v1/responses", {"model": "m", "input": "x"})[1]["model"] == "sim-m"


async def test_a_key_is_asked_for(serve: Serve, connect: Connect) -> None:
    server = serve(require_key=True)
    status, body, _ = post(server, "/v1/responses", {"model": "m", "input": "x"})
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")
    assert (await connect(server).responses.create(model="m", input="x")).status == "completed"


def test_unknown_paths_are_openais_404(serve: Serve) -> None:
    server = serve()
    status, body, _ = post(server, "/v1/nothing", {})
    assert (status, body["error"]["message"]) == (404, "Invalid URL (POST /v1/nothing)")
    assert server.requests[0].status == 404


async def test_many_clients_at_once_share_no_state(serve: Serve, connect: Connect) -> None:
    server = serve(Script.of(*[[Delay(0.01), f"turn {n}"] for n in range(5)]))
    client = connect(server)

    async def ask(turn: int) -> str:
        history: list[Any] = [{"role": "user", "content": "x"}]
        for number in range(turn):
            history += [{"role": "assistant", "content": f"{number}"}, {"role": "user", "content": "x"}]
        return (await client.responses.create(model="m", input=history)).output_text

    turns = [number % 5 for number in range(40)]
    assert await asyncio.gather(*map(ask, turns)) == [f"turn {turn}" for turn in turns]
    assert len(server.requests) == 40


def threads() -> int:
    return sum(thread.name == "lamella-sim" for thread in threading.enumerate())


async def test_it_runs_as_async_context_too() -> None:
    before = threads()
    async with (
        SimServer(Script.of(Text("hello")), chunk="char") as server,
        openai.AsyncOpenAI(api_key="k", base_url=server.base_url_of("openai.chat"), max_retries=0) as client,
    ):
        reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert reply.choices[0].message.content == "hello"
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).connect()
    assert threads() == before


def test_life_has_clear_errors(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ConfigError, match="already runs"):
        server.start()
    with (
        pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{server.port}"),
        socket.socket() as busy,
    ):
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        SimServer(port=server.port).start()
    with pytest.raises(ConfigError, match="there is no wire 'nobody'; there are openai"):
        server.base_url_of("nobody")
    server.stop()
    server.stop()


def test_a_stopping_server_does_not_wait_for_a_delay(serve: Serve) -> None:
    server = serve(Script.of([Delay(60), "late"]))
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/v1/responses", json.dumps({"model": "m", "input": "x", "stream": True}))
    response = connection.getresponse()
    assert response.status == 200
    response.read1(10)
    before = threads()
    server.stop()
    assert threads() == before - 1
    response.close()
    connection.close()
