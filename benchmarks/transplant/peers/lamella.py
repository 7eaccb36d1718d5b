"""Lamella: one agent per model; the first run's history is the second's input.

requires: lamella lamella-openai lamella-anthropic lamella-gemini lamella-mistral lamella-image
"""

from __future__ import annotations

from typing import Any

import conversation as said
import peer

from lamella import Agent, Message, ToolError, get_model, tool
from lamella_image import ImageContent

NAMES = {
    "anthropic": "anthropic",
    "openai-responses": "openai",
    "openai-chat": "openai-chat",
    "gemini": "gemini",
    "mistral": "mistral",
}


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    if city == "Oslo":
        raise ToolError(said.TOOL_ERROR)
    return said.TOOL_RESULT


def agent(vendor: peer.Vendor) -> Agent:
    url = f"{vendor.url}/v1" if vendor.wire == "mistral" else vendor.url
    model = get_model(f"{NAMES[vendor.wire]}:{vendor.model}", base_url=url, api_key=vendor.key)
    return Agent(model, system_instruction=said.SYSTEM, tools=[weather])


def start(source: peer.Vendor) -> tuple[Any, ...]:
    question = Message.user([said.QUESTION, ImageContent.from_bytes(said.PNG)])
    return tuple(agent(source).run(question).history)


def go_on(history: tuple[Any, ...], target: peer.Vendor) -> str:
    done = agent(target).run([*history, Message.user(said.SECOND_QUESTION)])
    return "; ".join(map(str, done.losses))


if __name__ == "__main__":
    vendors = ["openai", "anthropic", "gemini", "mistral"]
    peer.main(start, go_on, ["lamella", *(f"lamella-{name}" for name in vendors)])
