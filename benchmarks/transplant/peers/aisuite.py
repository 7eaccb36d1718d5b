"""aisuite: ``chat.completions.create`` with one list of messages; the model's prefix changes.

requires: aisuite[openai,anthropic,mistral] docstring-parser mcp
"""

from __future__ import annotations

from typing import Any

import aisuite
import chat_shape
import peer

PREFIXES = {"anthropic": "anthropic:", "openai-chat": "openai:", "mistral": "mistral:"}


def asker(vendor: peer.Vendor) -> chat_shape.Ask:
    place = {"server_url" if vendor.wire == "mistral" else "base_url": vendor.url}
    client = aisuite.Client({PREFIXES[vendor.wire][:-1]: {"api_key": vendor.key, **place}})

    def ask(messages: list[Any]) -> Any:
        model = PREFIXES[vendor.wire] + vendor.model
        answer: Any = client.chat.completions.create(model=model, messages=messages, tools=[chat_shape.TOOL])
        return answer.choices[0].message

    return ask


def start(source: peer.Vendor) -> list[Any]:
    return chat_shape.converse(asker(source))


def go_on(history: list[Any], target: peer.Vendor) -> None:
    asker(target)(chat_shape.second(history))


if __name__ == "__main__":
    peer.main(start, go_on, ["aisuite"], wires=PREFIXES)
