"""CPU for a loop of ten tool turns, unstreamed: a bare loop, Lamella's agent, the raw SDK.

A client is made once, and has done the loop a few times, before anything is measured.
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

TURNS = 10
WARM = 3
REPEATS = 30

Go = Callable[[], Awaitable[object]]


@asynccontextmanager
async def bare(wire: Any, origin: str) -> AsyncIterator[Go]:
    from orjson import dumps, loads

    json_type = {"content-type": "application/json"}

    async def post(path: str, body: object) -> Any:
        answer = await client.post(origin + wire.BASE + path, content=dumps(body), headers=json_type)
        return loads(answer.content)

    async with import_module(wire.LIBRARY).AsyncClient() as client:
        yield lambda: wire.bare_turns(post)


@asynccontextmanager
async def lamella(wire: Any, origin: str) -> AsyncIterator[Go]:
    from lamella import Agent, Project, Tool

    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    async def go() -> None:
        result = await agent.arun("go")
        assert len(result.new_items) == 2 * TURNS + 1

    async with wire.model(origin) as model:
        tools = [Tool(coroutine=add, name="add")]
        agent = Agent(model, tools=tools, streaming=False, project=Project.bare())
        yield go


@asynccontextmanager
async def sdk(wire: Any, origin: str) -> AsyncIterator[Go]:
    async with wire.sdk(origin) as client:
        yield lambda: wire.sdk_turns(client)


async def cpu(client: str, name: str, origin: str) -> float:
    """Milliseconds per loop."""
    async with {"bare": bare, "lamella": lamella, "sdk": sdk}[client](wires.load(name), origin) as go:
        for _ in range(WARM):
            await go()
        begin = time.process_time()
        for _ in range(REPEATS):
            await go()
        return (time.process_time() - begin) / REPEATS * 1e3


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        print(json.dumps({"cpu": asyncio.run(cpu(*sys.argv[2:]))}))
    else:
        from rounds import measure

        measure("turns.py", words=10, turns=TURNS, unit=f"ms per {TURNS} turns")
