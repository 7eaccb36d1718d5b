"""Agents on these models: what one turn brought goes into the next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from loopback_server import Answer, LoopbackServer
from openai_wires import CALL, CHAT_STREAM, REASONING, chunk, ended, part, response

from lamella import Agent, tool
from lamella.models import Model
from lamella_openai import ChatOpenAI, ChatOpenAICompletions

ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "sunny", "annotations": []}],
}


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"sun in {city}"


@tool
def add(a: int) -> int:
    """Add one."""
    return a + 1


@pytest.mark.parametrize("streaming", [True, False])
async def test_f_n37_reasoning_between_tool_turns(server: LoopbackServer, streaming: bool) -> None:
    """F-N37, F-OAI04: asked for, kept, and replayed right before the call it led to, empty summary included."""
    reasoning = {**REASONING, "summary": []}
    if streaming:
        items = (part("output_item.done", index, item=item) for index, item in enumerate((reasoning, CALL)))
        server.answers = [Answer.events(*items, ended(reasoning, CALL)), Answer.events(ended(ANSWER))]
    else:
        server.answers = [Answer.json(response(reasoning, CALL)), Answer.json(response(ANSWER))]
    async with ChatOpenAI(api_key="sk-x", base_url=server.url) as model:
        result = await Agent(model, tools=[weather], streaming=streaming).arun("How is Rome?")
    assert result.output == "sunny"
    first, second = (request.body for request in server.requests)
    assert first["include"] == second["include"] == ["reasoning.encrypted_content"]
    assert second["input"][1:] == [
        reasoning,
        CALL,
        {"type": "function_call_output", "call_id": "call_1", "output": "sun in Rome"},
    ]
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 2 * 580


async def test_f_x19_reasoning_content_between_tool_turns(server: LoopbackServer) -> None:
    """F-X19, F-OAI05: compatible servers want it back with the calls."""
    server.answers = [
        Answer.events(*CHAT_STREAM),
        Answer.events(chunk({"content": "sunny"}, "stop"), "[DONE]"),
    ]
    async with ChatOpenAICompletions("m", api_key="sk-x", base_url=server.url) as model:
        result = await Agent(model, tools=[weather, add]).arun("How is Rome?")
    assert result.output == "sunny"
    _, assistant, *outputs = server.requests[1].body["messages"]
    assert assistant["reasoning_content"] == "hm ö"
    assert assistant["content"] == "Grüße 🌍"
    assert [call["id"] for call in assistant["tool_calls"]] == ["call_a", "call_b"]
    assert [(message["role"], message["content"]) for message in outputs] == [
        ("tool", "sun in Rome"),
        ("tool", "2"),
    ]


async def test_f_prv03_a_conversation_changes_wires(server: LoopbackServer) -> None:
    """F-PRV03, F-MSG07: the same history and tools; what the other wire has no form for is left out and reported."""
    server.answers = [
        Answer.json(response({**REASONING}, ANSWER)),
        Answer.events(chunk({"content": "ok"}, "stop")),
    ]
    models: list[Model] = [
        ChatOpenAI(api_key="sk-x", base_url=server.url),
        ChatOpenAICompletions(api_key="sk-x", base_url=server.url),
    ]
    history = (await Agent(models[0], streaming=False).arun("hi")).messages
    second = await Agent(models[1]).arun([*history])
    for model in models:
        await model.aclose()
    assert second.output == "ok"
    assert [loss.what for loss in second.losses] == ["reasoning"]
    assert "rs_1" not in json.dumps(server.requests[1].body)
