"""OpenAI's Responses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import wires
from wires.chat import BASE, LIBRARY, sdk

__all__ = ["BASE", "LIBRARY", "sdk"]

STREAM = ("/responses", {"model": "gpt-bench", "input": "hi", "stream": True})
TOOLS = [
    {
        "type": "function",
        "name": "add",
        "description": wires.ABOUT,
        "parameters": wires.SCHEMA,
        "strict": False,
    }
]

# -- the server -----------------------------------------------------------------------------------


def stream(words: int) -> list[bytes]:
    number = iter(range(10**9))

    def event(kind: str, **fields: object) -> bytes:
        body = {"type": kind, "sequence_number": next(number), **fields}
        return f"event: {kind}\n".encode() + wires.sse(body)

    base = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-bench",
        "output": [],
        "status": "in_progress",
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": None,
    }
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    text = "".join(map(wires.word, range(words)))
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    done = {**item, "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": words,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10 + words,
    }
    whole = {**base, "status": "completed", "output": [done], "usage": usage}
    delta = {**place, "logprobs": [], "obfuscation": "abcdefgh"}
    return [
        event("response.created", response=base),
        event("response.in_progress", response=base),
        event("response.output_item.added", output_index=0, item=item),
        event("response.content_part.added", **place, part={**part, "text": ""}),
        *(event("response.output_text.delta", **delta, delta=wires.word(each)) for each in range(words)),
        event("response.output_text.done", **place, text=text, logprobs=[]),
        event("response.content_part.done", **place, part=part),
        event("response.output_item.done", output_index=0, item=done),
        event("response.completed", response=whole),
    ]


def turn(request: Any, turns: int) -> object:
    done = sum(
        isinstance(item, dict) and item.get("type") == "function_call_output" for item in request["input"]
    )
    item: dict[str, object]
    if done < turns:
        item = {"id": f"fc_{done}", "type": "function_call", "status": "completed", "call_id": f"call_{done}"}
        item |= {"name": "add", "arguments": '{"a": 1, "b": 2}'}
    else:
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
        item |= {"content": [{"type": "output_text", "text": "3", "annotations": []}]}
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-bench",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [item],
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "usage": usage,
    }


# -- the clients ----------------------------------------------------------------------------------


async def bare_text(lines: AsyncIterator[str]) -> str:
    from orjson import loads

    text = []
    async for line in lines:
        if line.startswith("data: "):
            event = loads(line[6:])
            if event["type"] == "response.output_text.delta":
                text.append(event["delta"])
    return "".join(text)


async def bare_turns(post: wires.Post) -> None:
    items: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post("/responses", {"model": "m", "input": items, "tools": TOOLS})
        calls = [item for item in body["output"] if item["type"] == "function_call"]
        if not calls:
            return
        items.extend(body["output"])
        for call in calls:
            output = str(wires.add(**json.loads(call["arguments"])))
            items.append({"type": "function_call_output", "call_id": call["call_id"], "output": output})


async def sdk_text(client: Any) -> str:
    text = []
    async for event in await client.responses.create(**STREAM[1]):
        if event.type == "response.output_text.delta":
            text.append(event.delta)
    return "".join(text)


async def sdk_turns(client: Any) -> None:
    items: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.responses.create(model="m", input=items, tools=TOOLS)
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return
        items += answer.output
        for call in calls:
            output = str(wires.add(**json.loads(call.arguments)))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})


def model(origin: str) -> Any:
    from lamella_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-bench", api_key="k", base_url=origin + BASE)
