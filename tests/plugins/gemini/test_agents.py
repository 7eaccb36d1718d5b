"""Agents on these models: what one turn brought goes into the next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from loopback_server import Answer, LoopbackServer

from lamella import Agent, tool
from lamella.content import ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella_gemini import ChatGemini

THOUGHT = {"text": "hm", "thought": True}
FIRST = {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "U2ln"}
SECOND = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}


def chunk(*parts: Any, finish: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    if city == "Oslo":
        raise ValueError("no such place")
    return f"sun in {city}"


@pytest.mark.parametrize("streaming", [True, False])
async def test_f_n37_signatures_between_tool_turns(server: LoopbackServer, streaming: bool) -> None:
    """F-N37, F-GEM02: thoughts, signatures and parallel calls go back as they came, outputs in order."""
    if streaming:
        server.answers = [
            Answer.events(chunk(THOUGHT), chunk(FIRST), chunk(SECOND), chunk(finish="STOP")),
            Answer.events(chunk({"text": "sunny"}, finish="STOP")),
        ]
    else:
        server.answers = [
            Answer.json(chunk(THOUGHT, FIRST, SECOND, finish="STOP")),
            Answer.json(chunk({"text": "sunny"}, finish="STOP")),
        ]
    async with ChatGemini(api_key="k", base_url=server.origin) as model:
        result = await Agent(model, tools=[weather], streaming=streaming).arun("How is Rome?")
    assert result.output == "sunny"
    assert result.losses == ()
    question, answer, outputs = server.requests[1].body["contents"]
    assert question["role"] == outputs["role"] == "user"
    assert answer == {"role": "model", "parts": [THOUGHT, FIRST, SECOND]}
    rome, oslo = (part["functionResponse"] for part in outputs["parts"])
    assert rome == {"name": "weather", "response": {"result": "sun in Rome"}}
    assert "no such place" in oslo["response"]["error"]
    assert result.token_usage is not None
    assert result.token_usage.total_tokens == 6


async def test_f_prv03_a_conversation_of_another_vendor_goes_on(server: LoopbackServer) -> None:
    """F-PRV01, F-GEM02: foreign state stays away, calls cross with their ids, and all of it is reported."""
    history = [
        Message.user("How is Rome?"),
        Message(
            role="assistant",
            content=(
                ReasoningBlock(text="hm", signature="CANARY", provider="anthropic"),
                ToolCallBlock(call_id="toolu_1", name="weather", arguments_json='{"city": "Rome"}'),
            ),
        ),
        Message(role="user", content=(ToolOutputBlock(call_id="toolu_1", output="sun"),)),
        Message(role="assistant", content=(TextBlock(text="Sunny."),)),
        Message.user("And Oslo?"),
    ]
    server.answers = [Answer.events(chunk({"text": "ok"}, finish="STOP"))]
    async with ChatGemini(api_key="k", base_url=server.origin) as model:
        result = await Agent(model, tools=[weather]).arun(history)
    assert result.output == "ok"
    assert [(loss.what, loss.kind) for loss in result.losses] == [("reasoning", "dropped")]
    sent = server.requests[0].body["contents"]
    assert "CANARY" not in json.dumps(sent)
    assert sent[1]["parts"][0]["functionCall"]["id"] == "toolu_1"
    assert sent[2]["parts"][0]["functionResponse"]["id"] == "toolu_1"
