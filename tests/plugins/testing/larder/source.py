"""The correct tool source: it talks to a server of its own over a socket, one question at a time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Any

from lamella import AgentExecutionError, AgentToolExecutionError, OpaqueContent, TextBlock, Tool

ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "description": "what"},
        "count": {"type": "integer", "minimum": 1},
    },
    "required": ["item", "count"],
    "additionalProperties": False,
}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


class Larder:
    """What is in the larder."""

    def __init__(self, *, token: str, shelf: str = "top") -> None:
        self.token = token
        self.shelf = shelf
        self.changed = False
        self.kept: dict[str, int] = {}

    async def open(self) -> Sequence[Tool]:
        if self.shelf == "none":
            raise AgentExecutionError(
                "the larder has no such shelf; set shelf to one that it has, such as top"
            )
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self.tools()

    async def start(self) -> None:
        self.kept = {}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.stop.wait, name="larder", daemon=True)
        self.thread.start()
        self.watching = asyncio.create_task(self.watch())
        self.server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        address = self.server.sockets[0].getsockname()
        self.reader, self.writer = await asyncio.open_connection(*address)
        self.turn = asyncio.Lock()

    async def watch(self) -> None:
        await asyncio.Event().wait()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    async def close(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()
            with contextlib.suppress(ConnectionError):
                await self.writer.wait_closed()
        if hasattr(self, "server"):
            self.server.close()
            await self.server.wait_closed()
        if hasattr(self, "watching"):
            self.watching.cancel()
            await asyncio.wait([self.watching])
        if hasattr(self, "stop"):
            self.stop.set()
            self.thread.join()

    async def refresh(self) -> Sequence[Tool] | None:
        if not self.changed:
            return None
        self.changed = False
        return [*self.tools(), self.tool(self.look, "smell", "Smell it.", NOTHING)]

    def tools(self) -> Sequence[Tool]:
        return [
            self.tool(self.put, "put", "Put something in.", ITEM, sequential=True),
            self.tool(
                self.count,
                "count",
                "Count something.",
                {**ITEM, "properties": {"item": {"type": "string"}}, "required": ["item"]},
            ),
            self.tool(self.look, "look", "Look inside.", NOTHING),
            self.tool(self.wait, "wait", "Wait.", NOTHING),
        ]

    def tool(
        self, coroutine: Any, name: str, description: str, schema: dict[str, Any], **options: Any
    ) -> Tool:
        return Tool(coroutine=coroutine, name=name, description=description, input_schema=schema, **options)

    async def put(self, item: str, count: int) -> int:
        await self.ask(item)
        self.kept[item] = self.kept.get(item, 0) + count
        return self.kept[item]

    async def count(self, item: str) -> dict[str, Any]:
        await self.ask(item)
        if item == "gold":
            raise AgentToolExecutionError("there is no gold in a larder")
        return {"item": item, "letters": len(item)}

    async def look(self) -> Any:
        return [
            TextBlock(text="a photo"),
            OpaqueContent(type="photo", data={"of": "jam"}),
        ]

    async def wait(self) -> str:
        await asyncio.sleep(3600)
        return "at last"

    async def ask(self, text: str) -> str:
        async with self.turn:
            self.writer.write(f"{text}\n".encode())
            return (await self.reader.readline()).decode()
