"""Ollama's chat: lines of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import wires
from wires.chat import TOOLS

LIBRARY = "httpx"
BASE = ""
ASKED = [{"role": "user", "content": "hi"}]
STREAM = ("/api/chat", {"model": "bench", "messages": ASKED, "stream": True})

# -- the server -----------------------------------------------------------------------------------


def line(message: dict[str, object], **more: object) -> dict[str, object]:
    head = {"model": "bench", "created_at": "2026-11-21T10:00:00.115854Z"}
    return {**head, "message": {"role": "assistant", **message}, "done": False, **more}


def last(message: dict[str, object], made: int) -> dict[str, object]:
    return line(
        message,
        done=True,
        done_reason="stop",
        total_duration=5645304708,
        load_duration=55095250,
        prompt_eval_count=10,
        prompt_eval_duration=710671250,
        eval_count=made,
        eval_duration=4466025455,
    )


def stream(words: int) -> list[bytes]:
    answers = [
        *(line({"content": wires.word(number)}) for number in range(words)),
        last({"content": ""}, words),
    ]
    return [wires.compact(answer).encode() + b"\n" for answer in answers]


def turn(request: Any, turns: int) -> object:
    done = sum(message["role"] == "tool" for message in request["messages"])
    if done == turns:
        return last({"content": "3"}, 1)
    call = {"id": f"call_{done}", "function": {"index": 0, "name": "add", "arguments": {"a": 1, "b": 2}}}
    return last({"content": "", "tool_calls": [call]}, 5)


# -- the clients ----------------------------------------------------------------------------------


async def bare_text(lines: AsyncIterator[str]) -> str:
    from orjson import loads

    text = []
    async for each in lines:
        text.append(loads(each)["message"]["content"])
    return "".join(text)


async def bare_turns(post: wires.Post) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post("/api/chat", {"model": "m", "messages": messages, "tools": TOOLS, "stream": False})
        message = body["message"]
        if not message.get("tool_calls"):
            return
        messages.append(message)
        for call in message["tool_calls"]:
            messages.append(result(call["function"]["arguments"]))


def result(given: Any) -> dict[str, object]:
    return {"role": "tool", "tool_name": "add", "content": str(wires.add(**given))}


@asynccontextmanager
async def sdk(origin: str) -> AsyncIterator[Any]:
    from ollama import AsyncClient

    client = AsyncClient(host=origin)
    try:
        yield client
    finally:
        await client._client.aclose()


async def sdk_text(client: Any) -> str:
    text = []
    async for part in await client.chat(model="bench", messages=ASKED, stream=True):
        text.append(part.message.content or "")
    return "".join(text)


async def sdk_turns(client: Any) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.chat(model="bench", messages=messages, tools=TOOLS)
        if not answer.message.tool_calls:
            return
        messages.append(answer.message)
        for call in answer.message.tool_calls:
            messages.append(result(call.function.arguments))


def model(origin: str) -> Any:
    from lamella_ollama import ChatOllama

    return ChatOllama(model="bench", base_url=origin)
