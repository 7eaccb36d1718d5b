"""OpenAI's Chat Completions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import wires

LIBRARY = "httpx2"
BASE = "/v1"
STREAM = (
    "/chat/completions",
    {
        "model": "gpt-bench",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    },
)
TOOLS = [
    {"type": "function", "function": {"name": "add", "description": wires.ABOUT, "parameters": wires.SCHEMA}}
]

# -- the server -----------------------------------------------------------------------------------


def stream(words: int) -> list[bytes]:
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-bench",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }

    def chunk(delta: dict[str, object], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return wires.sse({**head, "choices": [choice], "usage": None, "obfuscation": "abcdefgh"})

    usage = {
        "prompt_tokens": 10,
        "completion_tokens": words,
        "total_tokens": 10 + words,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    return [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": wires.word(number)}) for number in range(words)),
        chunk({}, "stop"),
        wires.sse({**head, "choices": [], "usage": usage}, b"[DONE]"),
    ]


def turn(request: Any, turns: int) -> object:
    done = sum(message["role"] == "tool" for message in request["messages"])
    message: dict[str, object] = {"role": "assistant", "content": "3", "refusal": None}
    if done < turns:
        function = {"name": "add", "arguments": '{"a": 1, "b": 2}'}
        call = {"id": f"call_{done}", "type": "function", "function": function}
        message |= {"content": None, "tool_calls": [call]}
    reason = "tool_calls" if done < turns else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-bench",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


# -- the clients ----------------------------------------------------------------------------------


async def bare_text(lines: AsyncIterator[str]) -> str:
    from orjson import loads

    text = []
    async for line in lines:
        if line.startswith("data: ") and line != "data: [DONE]":
            chunk = loads(line[6:])
            if chunk["choices"]:
                text.append(chunk["choices"][0]["delta"].get("content") or "")
    return "".join(text)


async def bare_turns(post: wires.Post) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post("/chat/completions", {"model": "m", "messages": messages, "tools": TOOLS})
        message = body["choices"][0]["message"]
        if not message.get("tool_calls"):
            return
        messages.append(message)
        for call in message["tool_calls"]:
            output = str(wires.add(**json.loads(call["function"]["arguments"])))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})


def sdk(origin: str) -> Any:
    from openai import AsyncOpenAI

    return AsyncOpenAI(api_key="k", base_url=origin + BASE)


async def sdk_text(client: Any) -> str:
    text = []
    async for chunk in await client.chat.completions.create(**STREAM[1]):
        if chunk.choices:
            text.append(chunk.choices[0].delta.content or "")
    return "".join(text)


async def sdk_turns(client: Any) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.chat.completions.create(model="m", messages=messages, tools=TOOLS)
        message = answer.choices[0].message
        if not message.tool_calls:
            return
        messages.append(message)
        for call in message.tool_calls:
            output = str(wires.add(**json.loads(call.function.arguments)))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": output})


def model(origin: str) -> Any:
    from lamella_openai import ChatOpenAICompletions

    return ChatOpenAICompletions(model="gpt-bench", api_key="k", base_url=origin + BASE)
