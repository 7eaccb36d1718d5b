"""Haystack: chat generators that share ``ChatMessage``.

requires: haystack-ai anthropic-haystack google-genai-haystack mistral-haystack
"""

from __future__ import annotations

import os
from typing import Any

import conversation as said
import peer

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from haystack.dataclasses import ChatMessage, ImageContent
from haystack.tools import Tool
from haystack.utils import Secret


def weather(city: str) -> str:
    raise RuntimeError(f"the conversation is written by hand: nothing asks for {city}")


WEATHER = Tool(
    name="weather",
    description="The weather in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    function=weather,
)


def generator(vendor: peer.Vendor) -> Any:
    key, given = Secret.from_token(vendor.key), {"model": vendor.model, "tools": [WEATHER]}
    match vendor.wire:
        case "anthropic":
            os.environ["ANTHROPIC_BASE_URL"] = vendor.url
            from haystack_integrations.components.generators.anthropic import AnthropicChatGenerator

            return AnthropicChatGenerator(key, **given)
        case "openai-chat" | "openai-responses":
            from haystack.components.generators.chat import OpenAIChatGenerator, OpenAIResponsesChatGenerator

            kind: Any = OpenAIChatGenerator if vendor.wire == "openai-chat" else OpenAIResponsesChatGenerator
            return kind(api_key=key, api_base_url=vendor.url, **given)
        case "gemini":
            os.environ["GOOGLE_GEMINI_BASE_URL"] = vendor.url
            from haystack_integrations.components.generators.google_genai import GoogleGenAIChatGenerator

            return GoogleGenAIChatGenerator(api_key=key, **given)
        case _:
            from haystack_integrations.components.generators.mistral import MistralChatGenerator

            return MistralChatGenerator(key, api_base_url=f"{vendor.url}/v1", **given)


def start(source: peer.Vendor) -> list[ChatMessage]:
    chosen = generator(source)
    image = ImageContent(said.PNG_BASE64, mime_type="image/png")
    messages = [
        ChatMessage.from_system(said.SYSTEM),
        ChatMessage.from_user(content_parts=[said.QUESTION, image]),
    ]
    answer = chosen.run(messages)["replies"][0]
    messages.append(answer)
    for call in answer.tool_calls:
        failed = call.arguments["city"] == "Oslo"
        output = said.TOOL_ERROR if failed else said.TOOL_RESULT
        messages.append(ChatMessage.from_tool(output, origin=call, error=failed))
    return [*messages, chosen.run(messages)["replies"][0]]


def go_on(history: list[ChatMessage], target: peer.Vendor) -> None:
    generator(target).run([*history, ChatMessage.from_user(said.SECOND_QUESTION)])


if __name__ == "__main__":
    integrations = ["anthropic-haystack", "google-genai-haystack", "mistral-haystack"]
    peer.main(start, go_on, ["haystack-ai", *integrations])
