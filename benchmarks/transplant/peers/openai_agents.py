"""OpenAI Agents SDK: one agent, OpenAI's models and the LiteLLM extension for the others.

requires: openai-agents[litellm] mcp
"""

from __future__ import annotations

import os
from typing import Any

import conversation as said
import peer

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from agents import set_tracing_disabled as disable_tracing
from agents.extensions.models.litellm_model import LitellmModel
from openai import AsyncOpenAI


def told(context: Any, error: Exception) -> str:
    """The SDK's default tells the model that a tool failed, and not how."""
    return str(error)


@function_tool(failure_error_function=told)
def weather(city: str) -> str:
    """The weather in a city."""
    if city == "Oslo":
        raise RuntimeError(said.TOOL_ERROR)
    return said.TOOL_RESULT


def agent(vendor: peer.Vendor) -> Any:
    match vendor.wire:
        case "openai-chat" | "openai-responses":
            client = AsyncOpenAI(api_key=vendor.key, base_url=vendor.url)
            kind = OpenAIChatCompletionsModel if vendor.wire == "openai-chat" else OpenAIResponsesModel
            model: Any = kind(vendor.model, client)
        case "anthropic":
            model = LitellmModel(f"anthropic/{vendor.model}", f"{vendor.url}/v1/messages", vendor.key)
        case "gemini":
            url = f"{vendor.url}/v1beta/models/{vendor.model}:generateContent"
            model = LitellmModel(f"gemini/{vendor.model}", url, vendor.key)
        case _:
            model = LitellmModel(f"mistral/{vendor.model}", vendor.url, vendor.key)
    return Agent(name="desk", instructions=said.SYSTEM, tools=[weather], model=model)


async def start(source: peer.Vendor) -> list[Any]:
    disable_tracing(True)
    parts: Any = [
        {"type": "input_text", "text": said.QUESTION},
        {"type": "input_image", "image_url": said.PNG_URL, "detail": "auto"},
    ]
    done = await Runner.run(agent(source), [{"role": "user", "content": parts}])
    return done.to_input_list()


async def go_on(history: list[Any], target: peer.Vendor) -> None:
    await Runner.run(agent(target), [*history, {"role": "user", "content": said.SECOND_QUESTION}])


if __name__ == "__main__":
    peer.main(start, go_on, ["openai-agents", "litellm"])
