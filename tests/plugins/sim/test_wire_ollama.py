"""The Ollama wire: through Ollama's SDK streamed and not, faults, keys, and all that Ollama would refuse."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.content import ReasoningBlock, TextBlock
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
from lamella_sim.received import ReceivedImage
from lamella_sim.wires import BadRequest, Ollama

Serve = Callable[..., SimServer]
Connect = Callable[..., ollama.AsyncClient]

PATH = "/ollama/api/chat"
HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
PIXEL = base64.b64encode(b"\x89PNG").decode()
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PROMPT = "What's the weather in Paris and in Rome?"


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """SDK clients, closed after the test."""
    clients: list[ollama.AsyncClient] = []

    def make(server: SimServer, **options: Any) -> ollama.AsyncClient:
        clients.append(ollama.AsyncClient(host=server.base_url_of("ollama"), **options))
        return clients[-1]

    yield make
    for client in clients:
        await client._client.aclose()


def post(server: SimServer, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """A request without the SDK: status and body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        server.url + path, data, {"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def heard(client: ollama.AsyncClient, **fields: Any) -> list[ollama.ChatResponse]:
    """The lines of a stream."""
    stream = await client.chat(**{"model": "m", "messages": HI, **fields}, stream=True)
    return [line async for line in stream]


def said(lines: list[Any]) -> dict[str, Any]:
    """What lines say together."""
    messages = [line.message for line in lines]
    return {
        "content": "".join(message.content or "" for message in messages),
        "thinking": "".join(message.thinking or "" for message in messages),
        "calls": [
            (call.function.name, call.function.arguments)
            for message in messages
            for call in message.tool_calls or ()
        ],
    }


async def test_a_tool_loop(serve: Serve, connect: Connect) -> None:
    server = serve()
    client = connect(server)
    history: list[Any] = [{"role": "user", "content": PROMPT}]
    first = await client.chat("qwen3", history, tools=[WEATHER])
    assert (first.model, first.done, first.done_reason) == ("sim-qwen3", True, "stop")
    assert said([first])["calls"] == [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})]
    history.append(first.message)
    history += [{"role": "tool", "tool_name": "weather", "content": output} for output in ("sunny", "rain")]
    second = await client.chat("qwen3", history, tools=[WEATHER])
    assert second.message.content == (
        'According to weather(city="Paris"), the answer is sunny. '
        'According to weather(city="Rome"), the answer is rain.'
    )
    assert [request.status for request in server.requests] == [200, 200]


def test_streaming_is_the_default(serve: Serve) -> None:
    server = serve(Script.of([Reasoning("t"), "a b", ToolCall("f", {"x": 1}), ToolCall("g")]))
    _, body = post(server, PATH, {"model": "m", "messages": HI})
    lines = [json.loads(line) for line in body.splitlines()]
    assert [line["done"] for line in lines] == [False] * 5 + [True]
    calls = [line["message"]["tool_calls"] for line in lines if "tool_calls" in line["message"]]
    assert [
        [(call["function"]["index"], call["function"]["arguments"]) for call in each] for each in calls
    ] == [
        [(0, {"x": 1})],
        [(1, {})],
    ]
    assert len({call["id"] for each in calls for call in each}) == 2
    _, body = post(server, PATH, {"model": "m", "messages": HI, "stream": False})
    whole = json.loads(body)
    assert whole["message"]["content"] == "a b"
    assert whole["message"]["thinking"] == "t"
    assert len(whole["message"]["tool_calls"]) == 2
    assert whole["done_reason"] == lines[-1]["done_reason"] == "stop"
    assert lines[-1]["message"] == {"role": "assistant", "content": ""}


async def test_the_stream_is_the_reply_in_lines(serve: Serve, connect: Connect) -> None:
    client = connect(
        serve(
            Script.of(
                [Reasoning("t", summary="s ", signature="x"), "a b", Delay(0.01), ToolCall("f", {"x": 1})]
            )
        )
    )
    whole = await client.chat("m", HI)
    lines = await heard(client)
    assert said(lines) == said([whole]) == {"content": "a b", "thinking": "s t", "calls": [("f", {"x": 1})]}
    assert (lines[-1].prompt_eval_count, lines[-1].eval_count) == (whole.prompt_eval_count, whole.eval_count)
    assert lines[0].eval_count is None


async def test_endings_and_usage(serve: Serve, connect: Connect) -> None:
    usage = TokenUsage(input_tokens=10, cached_read_tokens=4, output_tokens=5, reasoning_tokens=3)
    cut = await connect(serve(Script.of(Turn("x", usage=usage, stop_reason="max_tokens")))).chat("m", HI)
    assert (cut.done_reason, cut.prompt_eval_count, cut.eval_count) == ("length", 14, 8)
    refused = await connect(serve(Script.of(Refusal("I won't.")))).chat("m", HI)
    assert (refused.done_reason, refused.message.content) == ("stop", "I won't.")


async def test_a_call_that_cannot_be_read_is_text(serve: Serve, connect: Connect) -> None:
    client = connect(serve(Script.of(ToolCall("f", arguments_json="[1, "))))
    expected = {"content": '{"name": "f", "arguments": [1, }', "thinking": "", "calls": []}
    assert said([await client.chat("m", HI)]) == said(await heard(client)) == expected


def test_lines_are_escaped_as_go_escapes_them(serve: Serve) -> None:
    text = "<a> & \u2028b\u0085c"
    _, body = post(serve(Script.of(text), chunk="whole"), PATH, {"model": "m", "messages": HI})
    lines = body.split(b"\n")
    assert len(lines) == 3
    assert b"\\u003ca\\u003e \\u0026 \\u2028b" in lines[0]
    assert json.loads(lines[0])["message"]["content"] == text


# -- faults -------------------------------------------------------------------------------------------

LONG = Script.of("one two three four five")


async def test_statuses_have_ollamas_body(serve: Serve, connect: Connect) -> None:
    faults = [StatusFault(404, {"x-extra": "1"}, message='model "m" not found'), StatusFault(503)]
    server = serve(Script.of(Error(429, "too many")), faults=faults)
    client = connect(server)
    for status, message in ((404, 'model "m" not found'), (503, "injected fault"), (429, "too many")):
        with pytest.raises(ollama.ResponseError) as caught:
            await heard(client)
        assert (caught.value.status_code, caught.value.error) == (status, message)
    with pytest.raises(ollama.ResponseError, match="too many"):
        await client.chat("m", HI)


async def test_resets_truncations_and_malformed_lines(serve: Serve, connect: Connect) -> None:
    client = connect(
        serve(LONG, faults=[ResetFault(2), ResetFault(1), TruncateFault(3, "chunks"), MalformedFault(2)])
    )
    with pytest.raises(httpx.TransportError):
        await heard(client)
    with pytest.raises((httpx.TransportError, ConnectionError)):
        await client.chat("m", HI)
    cut = await heard(client)
    assert [line.done for line in cut] == [False] * 3
    with pytest.raises(json.JSONDecodeError):
        await heard(client)
    assert (await heard(client))[-1].done


async def test_an_error_in_the_stream(serve: Serve, connect: Connect) -> None:
    client = connect(
        serve(
            Script.of(["one two", Error(500, "model runner stopped")]),
            faults=[ErrorEventFault(1, 429, "too fast")],
        )
    )
    with pytest.raises(ollama.ResponseError, match="too fast"):
        await heard(client)
    seen = []
    with pytest.raises(ollama.ResponseError, match="model runner stopped"):
        async for line in await client.chat("m", HI, stream=True):
            seen.append(line.message.content)
    assert seen == ["one", " two"]
    with pytest.raises(ollama.ResponseError, match="model runner stopped"):
        await client.chat("m", HI)


async def test_slow_and_open_streams(serve: Serve, connect: Connect) -> None:
    client = connect(serve(LONG, faults=[SlowFault(0.01), KeepOpenFault()]))
    assert (await heard(client))[-1].done
    seen: list[Any] = []

    async def read() -> None:
        async for line in await client.chat("m", HI, stream=True):
            seen.append(line)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.5)
    assert seen[-1].done


# -- keys and paths -----------------------------------------------------------------------------------


async def test_a_key_is_needed_when_the_server_says_so(serve: Serve, connect: Connect) -> None:
    assert (await connect(serve()).chat("echo", HI)).message.content == "hi"
    server = serve(require_key=True)
    status, body = post(server, PATH, {"model": "m", "messages": HI})
    assert status == 401
    assert list(json.loads(body)) == ["error"]
    client = connect(server, headers={"Authorization": "Bearer secret"})
    assert (await client.chat("echo", HI)).message.content == "hi"
    assert server.requests[1].headers["authorization"] == "***"


def test_other_paths_and_bodies_have_ollamas_error(serve: Serve) -> None:
    server = serve()
    for path, body, status in (("/ollama/api/nothing", {}, 404), (PATH, b"{", 400), (PATH, [], 400)):
        got, answer = post(server, path, body)
        assert got == status
        assert isinstance(json.loads(answer)["error"], str)


# -- what is refused ----------------------------------------------------------------------------------


def messages(*listed: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [*HI, *listed]}


def asking(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": HI, **fields}


def called(**function: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", **function}}]}


def offering(**function: Any) -> dict[str, Any]:
    return asking(tools=[{"type": "function", "function": function}])


BAD: list[tuple[dict[str, Any], str]] = [
    ({"messages": HI}, "model is required"),
    (
        {"model": 3, "messages": HI},
        "cannot unmarshal number into Go struct field ChatRequest.model of type string",
    ),
    ({"model": "m"}, "messages is empty"),
    ({"model": "m", "messages": "hi"}, "cannot unmarshal string into Go struct field ChatRequest.messages"),
    (messages("x"), "cannot unmarshal string"),
    (messages({"role": "developer", "content": "x"}), 'invalid role "developer"'),
    (messages({"content": "x"}), 'invalid role ""'),
    (messages({"role": "user", "content": [{"type": "text"}]}), "cannot unmarshal array"),
    (messages({"role": "user", "content": ""}), "empty"),
    (messages({"role": "user", "content": "x", "images": ["https://x/cat.png"]}), "illegal base64"),
    (
        messages({"role": "user", "content": "x", "images": [f"data:image/png;base64,{PIXEL}"]}),
        "illegal base64",
    ),
    (messages({"role": "user", "content": "x", "images": [""]}), "invalid image input"),
    (messages({"role": "user", "content": "x", "images": PIXEL}), "of type array"),
    (messages({"role": "system", "content": "x", "images": [PIXEL]}), "holds text"),
    (messages(called(arguments="{}")), "messages.tool_calls.function.arguments of type object"),
    (messages({"role": "tool", "content": "x"}), 'waiting for the output of "a tool"'),
    (messages(called(), {"role": "tool", "content": "x", "tool_name": "g"}), 'output of "g"'),
    (messages(called(), {"role": "tool", "content": "x", "tool_call_id": "c"}), 'output of "c"'),
    (messages(called(), *[{"role": "tool", "content": "x"}] * 2), "no call of the assistant"),
    (asking(stream="yes"), "of type bool"),
    (asking(think="very"), 'invalid think value: "very"'),
    (asking(format="xml"), 'invalid format: "xml"'),
    (asking(keep_alive="soon"), 'invalid duration "soon"'),
    (asking(keep_alive=True), "invalid duration"),
    (asking(options=[]), "of type object"),
    (asking(options={"num_ctx": 1.5}), 'option "num_ctx" must be of type integer'),
    (asking(options={"temperature": "hot"}), 'option "temperature" must be of type float32'),
    (asking(options={"stop": "END"}), 'option "stop" must be of type array'),
    (asking(options={"use_mmap": 1}), 'option "use_mmap" must be of type boolean'),
    (asking(tools={}), "ChatRequest.tools of type array"),
    (asking(tools=[{"type": "function", "name": "f"}]), "a function with a name"),
    (offering(name="f", parameters="x"), "tools.function.parameters of type object"),
    (offering(name="f", parameters={"properties": {"a": True}}), "parameters.properties of type object"),
]


@pytest.mark.parametrize(("payload", "message"), BAD)
def test_bad_requests(payload: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Ollama().read(payload, PATH)
    assert message in caught.value.message
    assert Ollama().refused(caught.value) == {"error": caught.value.message}


# -- what is read -------------------------------------------------------------------------------------


def test_a_history_is_read_into_messages() -> None:
    payload = {
        "model": "m",
        "unknown": 1,
        "options": {"num_ctx": 8192, "temperature": 1, "stop": ["END"], "unheard_of": {}},
        "keep_alive": "5m",
        "think": "high",
        "tools": [WEATHER],
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "look", "images": [PIXEL]},
            {"role": "user", "content": "", "images": [PIXEL]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "hm",
                "tool_calls": [
                    {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
                    {"function": {"name": "g", "arguments": {}}},
                    {"function": {"name": "g"}},
                ],
            },
            {"role": "tool", "content": "1", "tool_name": "g"},
            {"role": "tool", "content": "2", "tool_call_id": "a"},
            {"role": "tool", "content": "", "images": [PIXEL]},
        ],
    }
    asked = Ollama().read(payload, PATH)
    assert asked.streaming
    system, look, image, answered, outputs = asked.request.messages
    assert (system.role, system.text) == ("system", "be brief")
    assert look.content == (TextBlock(text="look"), ReceivedImage(data=b"\x89PNG", mime_type="image/*"))
    assert image.content == (ReceivedImage(data=b"\x89PNG", mime_type="image/*"),)
    assert answered.content[0] == ReasoningBlock(text="hm")
    f, g1, g2 = answered.tool_calls
    assert (f.call_id, f.arguments) == ("a", {"x": 1})
    assert [output.call_id for output in outputs.tool_outputs] == [g1.call_id, "a", g2.call_id]
    assert outputs.tool_outputs[2].parts is not None
    assert [tool.name for tool in asked.request.tools] == ["weather"]


def test_formats_are_read() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}

    def read(format: Any) -> Any:
        output = Ollama().read(asking(format=format), PATH).request.output_schema
        return output and output.schema

    assert read(schema) == schema
    assert read("json") == {"type": "object"}
    assert read("") is None
    assert read(None) is None


async def test_a_schema_is_answered(serve: Serve, connect: Connect) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = await connect(serve()).chat("m", [{"role": "user", "content": "n is 7"}], format=schema)
    assert type(json.loads(answer.message.content or "")["n"]) is int


# -- any script ---------------------------------------------------------------------------------------

# The SDK splits lines at U+0085 too, which Ollama writes unescaped.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(ToolCall, st.sampled_from(["add", "weather"]), st.dictionaries(TEXTS, JSON, max_size=3))
REASONING = st.builds(lambda text, summary: Reasoning(text, summary=summary), TEXTS, st.none() | TEXTS)
STEPS = st.one_of(TEXTS.map(Text), CALLS, REASONING, TEXTS.map(Refusal), JSON.map(Structured))
TURNS = st.lists(STEPS, max_size=6).map(Turn)


class Stage:
    """One server and client for all examples; the turn is set before each."""

    turn = Turn(())
    client: ollama.Client


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with SimServer(lambda request: stage.turn) as server:
        stage.client = ollama.Client(host=server.base_url_of("ollama"))
        yield stage
        stage.client._client.close()


@settings(deadline=None, max_examples=40)
@given(turn=TURNS)
def test_streamed_equals_unstreamed_equals_the_script(stage: Stage, turn: Turn) -> None:
    stage.turn = turn
    whole = stage.client.chat("m", HI)
    lines = list(stage.client.chat("m", HI, stream=True))
    assert said(lines) == said([whole])
    words = said(lines)
    steps = turn.steps
    assert words["calls"] == [(step.name, step.arguments) for step in steps if isinstance(step, ToolCall)]
    assert words["thinking"] == "".join(
        (step.summary or "") + (step.text or "") for step in steps if isinstance(step, Reasoning)
    )
    if not any(isinstance(step, Structured) for step in steps):
        assert words["content"] == "".join(step.text for step in steps if isinstance(step, Text | Refusal))
    assert (lines[-1].done_reason, lines[-1].eval_count) == (whole.done_reason, whole.eval_count)
