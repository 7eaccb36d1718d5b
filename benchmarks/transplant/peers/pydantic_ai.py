"""pydantic-ai: one agent, two models, ``message_history`` handed from the first to the second.

requires: pydantic-ai-slim[openai,anthropic,google,mistral]
"""

from __future__ import annotations

from typing import Any

import conversation as said
import peer
from pydantic_ai import Agent, BinaryContent, ModelRetry


def model(vendor: peer.Vendor) -> Any:
    match vendor.wire:
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            return AnthropicModel(
                vendor.model, provider=AnthropicProvider(api_key=vendor.key, base_url=vendor.url)
            )
        case "openai-chat" | "openai-responses":
            from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
            from pydantic_ai.providers.openai import OpenAIProvider

            provider = OpenAIProvider(api_key=vendor.key, base_url=vendor.url)
            kind = OpenAIChatModel if vendor.wire == "openai-chat" else OpenAIResponsesModel
            return kind(vendor.model, provider=provider)
        case "gemini":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            return GoogleModel(vendor.model, provider=GoogleProvider(api_key=vendor.key, base_url=vendor.url))
        case _:
            from pydantic_ai.models.mistral import MistralModel
            from pydantic_ai.providers.mistral import MistralProvider

            return MistralModel(
                vendor.model, provider=MistralProvider(api_key=vendor.key, base_url=vendor.url)
            )


agent = Agent(instructions=said.SYSTEM)


@agent.tool_plain(retries=3)
def weather(city: str) -> str:
    """The weather in a city."""
    if city == "Oslo":
        raise ModelRetry(said.TOOL_ERROR)
    return said.TOOL_RESULT


async def start(source: peer.Vendor) -> Any:
    image = BinaryContent(said.PNG, media_type="image/png")
    done = await agent.run([said.QUESTION, image], model=model(source))
    return done.all_messages()


async def go_on(history: Any, target: peer.Vendor) -> None:
    await agent.run(said.SECOND_QUESTION, model=model(target), message_history=history)


if __name__ == "__main__":
    peer.main(start, go_on, ["pydantic-ai-slim"])
