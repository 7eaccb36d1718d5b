"""any-llm: ``completion`` with one list of messages; the provider's name changes.

requires: any-llm-sdk[openai,anthropic,gemini,mistral]
"""

from __future__ import annotations

from typing import Any

import any_llm
import chat_shape
import peer

PROVIDERS = {"anthropic": "anthropic", "openai-chat": "openai", "gemini": "gemini", "mistral": "mistral"}


def asker(vendor: peer.Vendor) -> chat_shape.Ask:

    def ask(messages: list[Any]) -> Any:
        answer: Any = any_llm.completion(
            vendor.model,
            messages,
            provider=PROVIDERS[vendor.wire],
            tools=[chat_shape.TOOL],
            api_key=vendor.key,
            api_base=vendor.url,
        )
        return answer.choices[0].message

    return ask


def start(source: peer.Vendor) -> list[Any]:
    return chat_shape.converse(asker(source))


def go_on(history: list[Any], target: peer.Vendor) -> None:
    asker(target)(chat_shape.second(history))


if __name__ == "__main__":
    peer.main(start, go_on, ["any-llm-sdk"], wires=PROVIDERS)
