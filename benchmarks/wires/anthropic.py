"""Anthropic's Messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import wires

LIBRARY = "httpx2"
BASE = ""
STREAM = (
    "/v1/messages",
    {
        "model": "claude-bench",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    },
)
TOOLS = [{"name": "add", "description": wires.ABOUT, "input_schema": wires.SCHEMA}]

# -- the server -----------------------------------------------------------------------------------


def stream(words: int) -> list[bytes]:
    def event(kind: str, **fields: object) -> bytes:
        return f"event: {kind}\n".encode() + wires.sse({"type": kind, **fields})

    def delta(number: int) -> bytes:
        return event("content_block_delta", index=0, delta={"type": "text_delta", "text": wires.word(number)})

    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        event("message_start", message=message([], None, usage)),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("ping"),
        *map(delta, range(words)),
        event("content_block_stop", index=0),
        event("message_delta", delta=stop, usage={"output_tokens": words}),
        event("message_stop"),
    ]


def message(content: list[object], reason: str | None, usage: dict[str, object]) -> dict[str, object]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-bench",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def turn(request: Any, turns: int) -> object:
    done = sum(
        isinstance(block, dict) and block["type"] == "tool_result"
        for each in request["messages"]
        for block in each["content"]
    )
    usage: dict[str, object] = {"input_tokens": 10, "output_tokens": 5, "service_tier": "standard"}
    if done == turns:
        return message([{"type": "text", "text": "3"}], "end_turn", usage)
    call = {"type": "tool_use", "id": f"toolu_{done}", "name": "add", "input": {"a": 1, "b": 2}}
    return message([call], "tool_use", usage)


# -- the clients ----------------------------------------------------------------------------------


async def bare_text(lines: AsyncIterator[str]) -> str:
    from orjson import loads

    text = []
    async for line in lines:
        if line.startswith("data: "):
            event = loads(line[6:])
            if event["type"] == "content_block_delta":
                text.append(event["delta"]["text"])
    return "".join(text)


async def bare_turns(post: wires.Post) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post(
            "/v1/messages", {"model": "m", "max_tokens": 8192, "messages": messages, "tools": TOOLS}
        )
        calls = [block for block in body["content"] if block["type"] == "tool_use"]
        if not calls:
            return
        messages.append({"role": "assistant", "content": body["content"]})
        messages.append(results([(call["id"], call["input"]) for call in calls]))


def results(calls: list[tuple[str, Any]]) -> dict[str, object]:
    blocks = [
        {"type": "tool_result", "tool_use_id": call_id, "content": str(wires.add(**given))}
        for call_id, given in calls
    ]
    return {"role": "user", "content": blocks}


def sdk(origin: str) -> Any:
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(api_key="k", base_url=origin)


async def sdk_text(client: Any) -> str:
    text = []
    async for event in await client.messages.create(**STREAM[1]):
        if event.type == "content_block_delta":
            text.append(event.delta.text)
    return "".join(text)


async def sdk_turns(client: Any) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.messages.create(model="m", max_tokens=8192, messages=messages, tools=TOOLS)
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return
        messages.append({"role": "assistant", "content": answer.content})
        messages.append(results([(call.id, call.input) for call in calls]))


def model(origin: str) -> Any:
    from lamella_anthropic import ChatAnthropic

    return ChatAnthropic(model="claude-bench", api_key="k", base_url=origin)
