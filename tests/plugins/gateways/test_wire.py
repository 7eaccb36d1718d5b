"""Every row over loopback, through the real SDK's client: what it sends is what its row says."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from loopback_server import Answer, LoopbackServer
from pydantic import TypeAdapter

from lamella import Agent, AgentRun, from_json, get_model, to_json, tool
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentSerializationError, AuthenticationError, RateLimitError
from lamella.events import AttemptStart
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema
from lamella_gateways.rows import Row, rows
from lamella_openai import ChatOpenAI, ChatOpenAICompletions
from lamella_openai.deviations import TOOL_CHOICES

ROWS = list(rows().values())
KEY = "sk-gateway-0123456789"

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
with_tools = pytest.mark.parametrize(
    "row", [row for row in ROWS if row.deviations.get("tools", True)], ids=lambda row: row.id
)


@tool(strict=True)
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@tool
def clock() -> str:
    """Tell the time."""
    return "noon"


def built(row: Row, server: LoopbackServer, **fields: Any) -> Any:
    given = {"base_url": server.url, "api_key": KEY, "max_retries": 0, **fields}
    return get_model(f"{row.id}:m-1", **given)


def chunk(delta: Mapping[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **extra}


def whole(message: Mapping[str, Any], finish: str, usage: Mapping[str, Any] | None = None) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}


CALL = {"id": "call_1", "type": "function", "function": {"name": "multiply", "arguments": '{"a":6,"b":7}'}}
CALLING = Answer.events(
    chunk({"role": "assistant", "content": "", "tool_calls": [{"index": 0, **CALL}]}),
    chunk({}, "tool_calls"),
    {"id": "c1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}},
    "[DONE]",
)
SAYING = Answer.events(chunk({"content": "It is 42."}), chunk({}, "stop"), "[DONE]")


def accepted(body: Mapping[str, Any]) -> None:
    """OpenAI's own types take the request; what compatible servers add is left aside."""
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

    extra = ("reasoning", "reasoning_content", "reasoning_details")
    messages = [
        {key: value for key, value in message.items() if key not in extra} for message in body["messages"]
    ]
    TypeAdapter(list[ChatCompletionMessageParam]).validate_python(messages)
    TypeAdapter(list[ChatCompletionToolParam]).validate_python(body.get("tools", []))


@with_tools
async def test_f_prv03_a_tool_conversation_runs_on_every_row(row: Row, server: LoopbackServer) -> None:
    """F-PRV03: the same agent, another name."""
    server.answers = [CALLING, SAYING]
    async with built(row, server) as model:
        stream = Agent(model, tools=[multiply, clock]).astream("Multiply 6 and 7.")
        events = [item.event async for item in stream]
    assert stream.result.output == "It is 42."
    run: Any = stream.result.run
    assert isinstance(run, AgentRun)
    assert (run.provider, run.model) == (row.id, "m-1")
    assert {event.provider for event in events if isinstance(event, AttemptStart)} == {row.id}
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/v1/chat/completions")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    for request in (first, second):
        accepted(request.body)
        expect(request.body, row)
    assert second.body["messages"][-1] == {"role": "tool", "tool_call_id": "call_1", "content": "42"}
    called = second.body["messages"][-2]
    assert called["tool_calls"] == [CALL]
    blank = row.deviations.get("reasoning_with_calls", False)
    assert called.get("reasoning_content") == (" " if blank else None)


def expect(body: Mapping[str, Any], row: Row) -> None:
    """What a request with tools says, told from the row and not from the encoder."""
    says = row.deviations
    plain = says.get("plain_text_content", False)
    asked = body["messages"][0]["content"]
    assert asked == ("Multiply 6 and 7." if plain else [{"type": "text", "text": "Multiply 6 and 7."}])
    strict = [item["function"].get("strict") for item in body["tools"]]
    assert strict == [True if says.get("strict_tools", True) else None, None]
    assert ("parallel_tool_calls" in body) is says.get("parallel_tool_calls", True)
    assert body["tool_choice"] == "auto"
    assert body["stream_options"] == {"include_usage": True}


@with_tools
@pytest.mark.parametrize("choice", ["required", "none", "multiply"])
def test_every_row_chooses_tools_in_a_form_it_takes(row: Row, choice: str, server: LoopbackServer) -> None:
    model = built(row, server)
    forms = set(row.deviations.get("tool_choice", TOOL_CHOICES))
    request = ModelRequest.of("hi", tools=(multiply, clock), tool_choice=choice)
    form = choice if choice in ("required", "none") else "function"
    if form not in forms and form != "none" and not (form == "function" and "required" in forms):
        with pytest.raises(AgentSerializationError, match="has no form on this server"):
            model.encode(request)
        assert not model.plan(request).possible
        return
    payload = model.encode(request)
    sent = payload.get("tool_choice", "left out")
    kind = sent if isinstance(sent, str) else "function"
    assert kind in {*forms, "left out"}
    assert (kind == "left out") is (form == "none" and form not in forms)
    accepted(payload)


@each_row
def test_every_row_asks_for_schemas_in_the_form_it_takes(row: Row, server: LoopbackServer) -> None:
    model = built(row, server)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    request = ModelRequest.of("hi", output_schema=OutputSchema(schema=schema))
    form = row.deviations.get("structured_output", "json_schema")
    assert model.capabilities.structured_output is (form != "none")
    if form == "none":
        with pytest.raises(AgentSerializationError, match="takes no schema"):
            model.encode(request)
        return
    payload = model.encode(request)
    assert payload["response_format"]["type"] == form
    assert ('"a"' in json.dumps(payload["messages"]).replace("\\", "")) is (form == "json_object")


def test_perplexity_refuses_tools_before_the_network(server: LoopbackServer) -> None:
    model = built(rows()["perplexity"], server)
    with pytest.raises(AgentSerializationError, match="takes no tools"):
        model.encode(ModelRequest.of("hi", tools=(clock,)))
    assert server.requests == []


@each_row
async def test_errors_of_every_row_name_the_provider_and_not_the_key(
    row: Row, server: LoopbackServer
) -> None:
    said = {
        "error": {"message": f"bad key {KEY}", "type": "invalid_request_error", "code": "invalid_api_key"}
    }
    server.answers = [Answer.json(said, status=401), Answer.json({"error": "slow down"}, status=429)]
    async with built(row, server) as model:
        with pytest.raises(AuthenticationError) as caught:
            await model.complete("hi")
        with pytest.raises(RateLimitError):
            await model.complete("hi")
    assert caught.value.context["provider"] == row.id
    assert KEY not in str(caught.value) + repr(caught.value.context)


# -- reasoning --------------------------------------------------------------------------------------

FIELDS = ("reasoning_content", "reasoning")


@each_row
async def test_f_x19_reasoning_survives_storage_and_goes_back_as_it_came(
    row: Row, server: LoopbackServer
) -> None:
    """F-X19: ``reasoning_content`` of compatible servers round-trips, streamed or not; ``None`` is not ``""``."""
    cases = list(itertools.product(FIELDS, ("Let me see.", "", None), (True, False)))
    thanks = Answer.json(whole({"content": "ok"}, "stop"))
    server.answers = [item for case in cases for item in (answer(*case), thanks)]
    async with built(row, server) as model:
        for field, text, streaming in cases:
            completion = await model.complete("hi", streaming=streaming)
            message = from_json(to_json(completion.message), Message)
            assert message == completion.message
            await model.complete([Message.user("hi"), message, Message.user("go on")], streaming=False)
            thought = [block for block in message.content if isinstance(block, ReasoningBlock)]
            assert [block.text for block in thought] == ([] if text is None else [text])
            assert {block.provider for block in thought} <= {model.issuer}
            sent = server.requests[-1].body["messages"][1]
            fields = {name: sent[name] for name in FIELDS if name in sent}
            assert fields == ({} if text is None else {field: text})
            assert sent["content"] == "Fine."


def answer(field: str, text: str | None, streaming: bool) -> Answer:
    if not streaming:
        return Answer.json(whole({"content": "Fine.", field: text}, "stop"))
    cut = len(text) // 2 if text else 0
    pieces = [text[:cut], text[cut:]] if text else [text]
    return Answer.events(
        *(chunk({field: piece}) for piece in pieces), chunk({"content": "Fine."}), chunk({}, "stop"), "[DONE]"
    )


XAI = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 329,
    "prompt_tokens_details": {"cached_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 300},
}


@pytest.mark.parametrize("streaming", [True, False])
async def test_f_n23_xai_counts_reasoning_apart(streaming: bool, server: LoopbackServer) -> None:
    """F-N23: buckets never overlap, whichever way a server counts; the total tells which."""
    server.answers = [
        Answer.events(chunk({"content": "hi"}), chunk({}, "stop"), {"id": "c1", "choices": [], "usage": XAI})
        if streaming
        else Answer.json(whole({"content": "hi"}, "stop", XAI))
    ]
    async with built(rows()["xai"], server) as model:
        usage = (await model.complete("hi", streaming=streaming)).usage
    assert (usage.input_tokens, usage.cached_read_tokens) == (15, 5)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (9, 300, 329)
    assert usage.resolved_total_tokens == 329
    assert usage.raw == XAI


async def test_usage_of_groq_in_its_own_field(server: LoopbackServer) -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    server.answers = [
        Answer.events(chunk({"content": "hi"}), chunk({}, "stop", x_groq={"id": "r", "usage": counts}))
    ]
    async with built(rows()["groq"], server) as model:
        assert (await model.complete("hi")).usage.total_tokens == 4


async def test_openrouter_keeps_signed_details(server: LoopbackServer) -> None:
    """The comment lines of its streams are no chunks; what it signed goes back byte for byte."""
    details = [{"type": "reasoning.encrypted", "data": "c2lnbmVk", "id": "rs_1", "format": "x", "index": 0}]
    signed = Answer.events(
        chunk({"reasoning": "hm", "reasoning_details": details}), chunk({"content": "ok"}), chunk({}, "stop")
    )
    server.answers = [
        attrs.evolve(signed, pieces=(b": OPENROUTER PROCESSING\n\n", *signed.pieces)),
        Answer.json(whole({"content": "ok"}, "stop")),
    ]
    async with built(rows()["openrouter"], server) as model:
        first = await model.complete("hi")
        await model.complete([Message.user("hi"), first.message, Message.user("more")], streaming=False)
    assert server.requests[1].body["messages"][1]["reasoning_details"] == details


# -- whose state it is ------------------------------------------------------------------------------

CANARY = "canary-7d1f"


def state(issuer: str) -> list[Any]:
    """Everything an issuer can leave in a history: signed and plain reasoning, items, work of the server."""
    return [
        ReasoningBlock(
            text=f"{CANARY} thought",
            signature=f"{CANARY}-signature",
            reasoning_id=f"{CANARY}-id",
            provider=issuer,
            opaque={
                issuer: {
                    "chat": {
                        "fields": ["reasoning_content"],
                        "raw": {"reasoning_details": [{"type": "reasoning.encrypted", "data": CANARY}]},
                    },
                    "item": {"id": CANARY, "encrypted_content": CANARY},
                }
            },
        ),
        OpaqueContent(type=f"{issuer}.web_search_call", provider=issuer, data={"item": {"id": CANARY}}),
        TextBlock(
            text="seen", opaque={issuer: {"item": {"id": CANARY}, "chat": {"kind": "text", "x": CANARY}}}
        ),
        ToolCallBlock(
            call_id="call_1",
            name="multiply",
            arguments_json="{}",
            opaque={issuer: {"chat": {"call": {"extra_content": CANARY}}, "item": {"id": CANARY}}},
        ),
    ]


def history(issuer: str) -> list[Message]:
    output = ToolOutputBlock(call_id="call_1", output="42")
    return [Message.user("hi"), Message.assistant(state(issuer)), Message.user([output])]


@functools.cache
def issuers() -> dict[str, str]:
    """Whose state the models of each row make."""
    return {row.id: get_model(f"{row.id}:m", api_key="k").issuer for row in ROWS}


@with_tools
async def test_f_msg07_state_of_others_never_reaches_a_gateway(row: Row, server: LoopbackServer) -> None:
    """F-MSG07: OpenAI's, Anthropic's, and that of every other gateway."""
    server.answers = [Answer.json(whole({"content": "ok"}, "stop"))]
    async with built(row, server, streaming=False) as model:
        completion = await model.complete(history("openai"))
        assert any(loss.kind == "dropped" for loss in completion.losses)
        assert CANARY not in server.requests[0].text
        for issuer in {"openai", "anthropic", *issuers().values()} - {model.issuer}:
            payload = model.encode(ModelRequest(messages=tuple(history(issuer))))
            assert CANARY not in json.dumps(payload), issuer


@each_row
def test_f_msg07_state_of_gateways_never_reaches_openai(row: Row, server: LoopbackServer) -> None:
    issuer = issuers()[row.id]
    assert issuer == built(row, server).issuer
    for cls in (ChatOpenAI, ChatOpenAICompletions):
        for url in (None, server.url):
            model = cls("m", api_key="sk-x", base_url=url)
            assert model.issuer == "openai"
            request = ModelRequest(messages=tuple(history(issuer)))
            assert CANARY not in json.dumps(model.encode(request))


@with_tools
def test_the_canaries_sing_at_home(row: Row, server: LoopbackServer) -> None:
    """The check of the tests above: to its issuer, all of it that this wire has a form for goes back."""
    model = built(row, server)
    sent = json.dumps(model.encode(ModelRequest(messages=tuple(history(model.issuer)))))
    assert sent.count(CANARY) >= 3


async def test_embeddings_and_lists_of_rows(server: LoopbackServer) -> None:
    from lamella.errors import InvalidRequestError

    server.answers = [
        Answer.json({"data": [{"index": 0, "embedding": [1.0]}]}),
        Answer.json({"data": [{"id": "m-1"}]}),
    ]
    async with built(rows()["together"], server) as model:
        assert [
            list(item) if isinstance(item, list) else item for item in await model.embed(["a"], model="e")
        ]
        assert [info.formal_name for info in await model.list_models()] == ["m-1"]
    async with built(rows()["groq"], server) as model:
        with pytest.raises(InvalidRequestError, match="'groq' has no embeddings"):
            await model.embed(["a"])
    async with built(rows()["github-models"], server) as model:
        with pytest.raises(InvalidRequestError, match="'github-models' has no model list"):
            await model.list_models()
    assert [request.path for request in server.requests] == ["/v1/embeddings", "/v1/models"]
