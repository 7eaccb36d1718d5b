"""LiteLLM: ``completion`` with one list of messages; the model's name and the base URL change.

requires: litellm mcp
"""

from __future__ import annotations

import os
from typing import Any

import chat_shape
import peer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

PREFIXES = {
    "anthropic": "anthropic/",
    "openai-chat": "openai/",
    "openai-responses": "openai/responses/",
    "gemini": "gemini/",
    "mistral": "mistral/",
}


def asker(vendor: peer.Vendor) -> chat_shape.Ask:
    model = PREFIXES[vendor.wire] + vendor.model
    url = {
        "gemini": f"{vendor.url}/v1beta/models/{vendor.model}:generateContent",
        "anthropic": f"{vendor.url}/v1/messages",
    }.get(vendor.wire, vendor.url)

    def ask(messages: list[Any]) -> Any:
        answer = litellm.completion(
            model=model, messages=messages, tools=[chat_shape.TOOL], api_base=url, api_key=vendor.key
        )
        return answer.choices[0].message

    return ask


def start(source: peer.Vendor) -> list[Any]:
    return chat_shape.converse(asker(source))


def go_on(history: list[Any], target: peer.Vendor) -> None:
    asker(target)(chat_shape.second(history))


if __name__ == "__main__":
    peer.main(start, go_on, ["litellm"])
