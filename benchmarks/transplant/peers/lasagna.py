"""Lasagna AI: one agent bound to two models; the first run is a previous run of the second.

requires: lasagna-ai[openai,anthropic] anthropic<1
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import conversation as said
import peer
from lasagna import build_simple_agent, flat_messages, make_model_binder, noop_callback

PROVIDERS = {"anthropic": "anthropic", "openai-chat": "openai"}


def weather(city: str) -> str:
    """
    The weather in a city.
    :param: city: str: the city
    """
    if city == "Oslo":
        raise RuntimeError(said.TOOL_ERROR)
    return said.TOOL_RESULT


def bound(vendor: peer.Vendor) -> Any:
    os.environ.update(ANTHROPIC_API_KEY=vendor.key, OPENAI_API_KEY=vendor.key)
    binder = make_model_binder(PROVIDERS[vendor.wire], vendor.model, base_url=vendor.url, retries=0)
    return binder(build_simple_agent("desk", tools=[weather]))


async def start(source: peer.Vendor) -> list[Any]:
    agent = bound(source)
    image = Path(tempfile.mkdtemp()) / "picture.png"
    image.write_bytes(said.PNG)
    asked: Any = [
        {"role": "system", "text": said.SYSTEM},
        {"role": "human", "text": said.QUESTION, "media": [{"type": "image", "image": str(image)}]},
    ]
    runs = [flat_messages("user", asked)]
    return [*runs, await agent(noop_callback, runs)]


async def go_on(history: list[Any], target: peer.Vendor) -> None:
    asked: Any = [{"role": "human", "text": said.SECOND_QUESTION}]
    await bound(target)(noop_callback, [*history, flat_messages("user", asked)])


if __name__ == "__main__":
    peer.main(start, go_on, ["lasagna-ai"], wires=PROVIDERS)
