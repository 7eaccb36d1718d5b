"""Agno: two agents of one session in one database, the second with another model.

requires: agno openai anthropic google-genai mistralai
"""

from __future__ import annotations

from typing import Any

import conversation as said
import peer
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.media import Image


def weather(city: str) -> str:
    """The weather in a city."""
    if city == "Oslo":
        raise RuntimeError(said.TOOL_ERROR)
    return said.TOOL_RESULT


def model(vendor: peer.Vendor) -> Any:
    match vendor.wire:
        case "anthropic":
            from agno.models.anthropic import Claude

            return Claude(id=vendor.model, api_key=vendor.key, client_params={"base_url": vendor.url})
        case "openai-chat":
            from agno.models.openai import OpenAIChat

            return OpenAIChat(id=vendor.model, api_key=vendor.key, base_url=vendor.url)
        case "openai-responses":
            from agno.models.openai import OpenAIResponses

            return OpenAIResponses(id=vendor.model, api_key=vendor.key, base_url=vendor.url)
        case "gemini":
            from agno.models.google import Gemini

            options = {"base_url": vendor.url}
            return Gemini(id=vendor.model, api_key=vendor.key, client_params={"http_options": options})
        case _:
            from agno.models.mistral import MistralChat

            return MistralChat(id=vendor.model, api_key=vendor.key, endpoint=vendor.url)


def agent(vendor: peer.Vendor, db: InMemoryDb) -> Agent:
    return Agent(
        model=model(vendor),
        db=db,
        session_id="one",
        add_history_to_context=True,
        tools=[weather],
        system_message=said.SYSTEM,
        telemetry=False,
    )


def start(source: peer.Vendor) -> InMemoryDb:
    db = InMemoryDb()
    agent(source, db).run(said.QUESTION, images=[Image(content=said.PNG, format="png")])
    return db


def go_on(history: InMemoryDb, target: peer.Vendor) -> None:
    agent(target, history).run(said.SECOND_QUESTION)


if __name__ == "__main__":
    peer.main(start, go_on, ["agno"])
