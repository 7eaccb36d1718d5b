"""Mistral's chat completions."""

from __future__ import annotations

import json
from typing import Any

import wires
from wires.chat import TOOLS, bare_text

__all__ = ["bare_text"]

LIBRARY = "httpx2"
BASE = ""
PATH = "/v1/chat/completions"
STREAM = (
    PATH,
    {"model": "mistral-bench", "messages": [{"role": "user", "content": "hi"}], "stream": True},
)
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}

# -- the server -----------------------------------------------------------------------------------


def stream(words: int) -> list[bytes]:
    def chunk(delta: dict[str, object], reason: str | None = None, **more: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "mistral-bench"}
        return wires.sse({**head, "choices": [choice], **more})

    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": wires.word(number)}, p="abcdefghijklmnopq") for number in range(words)),
        chunk({"content": ""}, "stop", usage=USAGE),
        wires.sse(b"[DONE]"),
    ]


def turn(request: Any, turns: int) -> object:
    done = sum(message["role"] == "tool" for message in request["messages"])
    message: dict[str, object] = {"role": "assistant", "content": "3", "tool_calls": None}
    if done < turns:
        function = {"name": "add", "arguments": '{"a": 1, "b": 2}'}
        message |= {"content": "", "tool_calls": [{"id": f"call{done:05}", "function": function, "index": 0}]}
    reason = "tool_calls" if done < turns else "stop"
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "mistral-bench",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": USAGE,
    }


# -- the clients ----------------------------------------------------------------------------------


async def bare_turns(post: wires.Post) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        body = await post(PATH, {"model": "m", "messages": messages, "tools": TOOLS})
        message = body["choices"][0]["message"]
        if not message.get("tool_calls"):
            return
        messages.append(message)
        for call in message["tool_calls"]:
            messages.append(result(call["id"], call["function"]["arguments"]))


def result(call_id: str, arguments: str) -> dict[str, object]:
    output = str(wires.add(**json.loads(arguments)))
    return {"role": "tool", "tool_call_id": call_id, "name": "add", "content": output}


def sdk(origin: str) -> Any:
    from mistralai.client import Mistral

    return Mistral(api_key="k", server_url=origin)


async def sdk_text(client: Any) -> str:
    text = []
    async for event in await client.chat.stream_async(model="m", messages=STREAM[1]["messages"]):
        if event.data.choices:
            text.append(event.data.choices[0].delta.content or "")
    return "".join(text)


async def sdk_turns(client: Any) -> None:
    messages: list[object] = [{"role": "user", "content": "go"}]
    while True:
        answer = await client.chat.complete_async(model="m", messages=messages, tools=TOOLS)
        message = answer.choices[0].message
        if not message.tool_calls:
            return
        messages.append(message)
        for call in message.tool_calls:
            messages.append(result(call.id, call.function.arguments))


def model(origin: str) -> Any:
    from lamella_mistral import ChatMistral

    return ChatMistral(model="mistral-bench", api_key="k", base_url=origin)
