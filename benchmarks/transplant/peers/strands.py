"""Strands Agents: ``agent.messages`` of the first agent given to a second one with another model.

requires: strands-agents[openai,anthropic,gemini,mistral]
"""

from __future__ import annotations

from typing import Any

import conversation as said
import peer
from strands import Agent, tool


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    if city == "Oslo":
        raise RuntimeError(said.TOOL_ERROR)
    return said.TOOL_RESULT


def model(vendor: peer.Vendor) -> Any:
    args = {"api_key": vendor.key, "base_url": vendor.url}
    match vendor.wire:
        case "anthropic":
            from strands.models.anthropic import AnthropicModel

            return AnthropicModel(client_args=args, model_id=vendor.model, max_tokens=1000)
        case "openai-chat":
            from strands.models.openai import OpenAIModel

            return OpenAIModel(client_args=args, model_id=vendor.model)
        case "openai-responses":
            from strands.models.openai_responses import OpenAIResponsesModel

            return OpenAIResponsesModel(client_args=args, model_id=vendor.model)
        case "gemini":
            from strands.models.gemini import GeminiModel

            options = {"base_url": vendor.url}
            return GeminiModel(
                client_args={"api_key": vendor.key, "http_options": options}, model_id=vendor.model
            )
        case _:
            from strands.models.mistral import MistralModel

            return MistralModel(vendor.key, client_args={"server_url": vendor.url}, model_id=vendor.model)


def agent(vendor: peer.Vendor, history: list[Any]) -> Agent:
    prompt = said.SYSTEM
    return Agent(model(vendor), history, [weather], system_prompt=prompt, callback_handler=None)


async def start(source: peer.Vendor) -> list[Any]:
    first = agent(source, [])
    image: Any = {"image": {"format": "png", "source": {"bytes": said.PNG}}}
    await first.invoke_async([{"text": said.QUESTION}, image])
    return first.messages


async def go_on(history: list[Any], target: peer.Vendor) -> None:
    await agent(target, history).invoke_async(said.SECOND_QUESTION)


if __name__ == "__main__":
    peer.main(start, go_on, ["strands-agents"])
