"""How long a store is open on each event loop, and the task there that says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import attrs

from lamella_sql._owner import HEARTBEAT_SECONDS

__all__ = ["Heartbeat"]


@attrs.define(eq=False)
class _Opened:
    count: int
    task: asyncio.Task[None]


class Heartbeat:
    """Calls ``beat`` now and then, on each event loop where the store is open."""

    def __init__(self, beat: Callable[[], Awaitable[None]]) -> None:
        self._beat = beat
        self._opened: dict[asyncio.AbstractEventLoop, _Opened] = {}
        self._lock = threading.Lock()  # loops run in several threads

    def start(self) -> None:
        """The store was opened on the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            for gone in [known for known in self._opened if known.is_closed()]:
                del self._opened[gone]
            opened = self._opened.get(loop)
            if opened is None:
                task = loop.create_task(self._go_on(), name="lamella sql heartbeat")
                opened = self._opened[loop] = _Opened(0, task)
            opened.count += 1

    async def stop(self) -> bool:
        """It was closed on the running loop; say whether it is open nowhere any more."""
        loop = asyncio.get_running_loop()
        with self._lock:
            opened = self._opened.get(loop)
            if opened is not None:
                opened.count -= 1
                if opened.count <= 0:
                    del self._opened[loop]
            last = not self._opened
        if opened is not None and opened.count <= 0:
            await _end(opened.task)
        return last

    async def stop_all(self) -> None:
        """It is open nowhere any more."""
        here = asyncio.get_running_loop()
        with self._lock:
            opened, self._opened = self._opened, {}
        for loop, each in opened.items():
            if loop is here:
                await _end(each.task)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(each.task.cancel)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._beat()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
