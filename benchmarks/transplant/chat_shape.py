"""The conversation for peers whose own history is a list of messages in the shape of Chat Completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import conversation as said

TOOL_NAME = "weather"
TOOL = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

Ask = Callable[[list[Any]], Any]
"""Sends the messages and returns the peer's own message object."""


def converse(ask: Ask) -> list[Any]:
    """Turn 1: the peer's messages are put back as they are, and the calls of our own tool are answered."""
    parts = [
        {"type": "text", "text": said.QUESTION},
        {"type": "image_url", "image_url": {"url": said.PNG_URL}},
    ]
    messages: list[Any] = [{"role": "system", "content": said.SYSTEM}, {"role": "user", "content": parts}]
    answer = ask(messages)
    messages.append(answer)
    for call in (call for call in answer.tool_calls if call.function.name == TOOL_NAME):
        output = said.TOOL_ERROR if "Oslo" in call.function.arguments else said.TOOL_RESULT
        messages.append({"role": "tool", "tool_call_id": call.id, "name": TOOL_NAME, "content": output})
    messages.append(ask(messages))
    return messages


def second(history: list[Any]) -> list[Any]:
    return [*history, {"role": "user", "content": said.SECOND_QUESTION}]
