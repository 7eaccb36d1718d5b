"""CPU per streamed chunk: a bare loop, Lamella's agent (loop, envelope and fold included), the raw SDK.

A client is made once, and has answered once, before anything is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import wires

WORDS = int(__import__("os").environ.get("W", 3000))
REPEATS = 6

Ask = Callable[[], Awaitable[str]]


@asynccontextmanager
async def bare(wire: Any, origin: str) -> AsyncIterator[Ask]:
    path, body = wire.STREAM

    async def ask() -> str:
        async with client.stream("POST", origin + wire.BASE + path, json=body) as answer:
            return str(await wire.bare_text(answer.aiter_lines()))

    async with import_module(wire.LIBRARY).AsyncClient() as client:
        yield ask


@asynccontextmanager
async def lamella(wire: Any, origin: str) -> AsyncIterator[Ask]:
    from lamella import Agent, Project

    async def ask() -> str:
        text = []
        async for event in agent.astream("hi"):
            if event.type == "message.output.delta":
                text.append(event.event.delta)
        return "".join(text)

    async with wire.model(origin) as model:
        agent = Agent(model, project=Project.bare())
        yield ask


@asynccontextmanager
async def sdk(wire: Any, origin: str) -> AsyncIterator[Ask]:
    async with wire.sdk(origin) as client:
        yield lambda: wire.sdk_text(client)


async def cpu(client: str, name: str, origin: str) -> float:
    """Microseconds per chunk."""
    expected = "".join(map(wires.word, range(WORDS)))
    async with {"bare": bare, "lamella": lamella, "sdk": sdk}[client](wires.load(name), origin) as ask:
        assert await ask() == expected
        begin = time.process_time()
        for _ in range(REPEATS):
            await ask()
        return (time.process_time() - begin) / REPEATS / WORDS * 1e6


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        print(json.dumps({"cpu": asyncio.run(cpu(*sys.argv[2:]))}))
    else:
        from rounds import measure

        measure("streaming.py", words=WORDS, turns=0, unit="µs per chunk")
