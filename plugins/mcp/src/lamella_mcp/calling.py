"""A call of a server's tool, with its progress as events of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from mcp import Client, types

from lamella.errors import AgentInputError
from lamella.events import Event, ProgressEnd, ProgressStart, ProgressUpdate
from lamella.tools import aemit
from lamella_mcp.errors import MCPToolError
from lamella_mcp.results import Limit, error_text, result_of

__all__ = ["MCPCall", "Requests"]

T = TypeVar("T")


class Requests(Protocol):
    """Sends a request over the session there is, or a new one where the policy makes one."""

    async def __call__(self, what: str, send: Callable[[Client], Awaitable[T]]) -> T: ...


class MCPCall:
    """What the tool calls: one tool of one server."""

    def __init__(self, tool: types.Tool, requests: Requests, limit: Limit) -> None:
        self._tool = tool
        self._requests = requests
        self._limit = limit

    async def __call__(self, /, **arguments: Any) -> Any:
        """Call the tool of the server.

        :raises MCPToolError: the tool says that it failed, or the server did not answer properly.
        """
        async with _Progress(self._tool.name) as progress:
            result: types.CallToolResult = await self._requests(
                self._limit.what,
                lambda client: client.call_tool(
                    self._tool.name, arguments, progress_callback=progress.report
                ),
            )
        if result.is_error:
            raise MCPToolError(error_text(result, self._limit), context={"server": self._limit.server})
        return result_of(result, self._limit, checked=self._tool.output_schema is not None)


class _Progress:
    """Hands the notifications of a call on, from the task of the session to that of the call.

    Only the newest is kept, so a server that reports faster than anybody reads costs no memory.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._newest: tuple[float, float | None, str | None] | None = None
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._details: str | None = None
        self._started = False
        self._over = False

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        """The SDK's progress callback."""
        self._newest = (progress, total, message)
        self._arrived.set()

    async def __aenter__(self) -> _Progress:
        self._task = asyncio.create_task(self._forward())
        return self

    async def __aexit__(self, kind: Any, *exc_info: Any) -> None:
        self._over = True
        self._arrived.set()
        assert self._task is not None
        if kind is not None:
            self._task.cancel()
        try:
            await asyncio.wait({self._task})
        finally:
            self._task.cancel()
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def _forward(self) -> None:
        try:
            while not self._over or self._newest is not None:
                await self._arrived.wait()
                self._arrived.clear()
                newest, self._newest = self._newest, None
                if newest is not None:
                    await self._show(*newest)
            if self._started:
                await aemit(ProgressEnd(key=self._key))
        except AgentInputError:  # no run is listening
            return

    async def _show(self, progress: float, total: float | None, message: str | None) -> None:
        events: list[Event] = []
        if not self._started or (message and message != self._details):
            events.append(ProgressStart(key=self._key, details=message))
            self._started, self._details = True, message
        if total is not None and total > 0:
            fraction = min(max(progress / total, 0.0), 1.0)
            events.append(ProgressUpdate(key=self._key, fraction=fraction))
        for event in events:
            await aemit(event)
