"""``async_throttle``: no more calls at once, and no more in a second, than something behind them can take."""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar, cast

import attrs

from lamella.errors import AgentInputError
from lamella.tools.invocation import Proceed, ToolInvocation, wrapped
from lamella.tools.tool import Tool, is_async

__all__ = ["Throttle", "async_throttle"]

AsyncOrTool = TypeVar("AsyncOrTool", bound=Callable[..., Any])


class Throttle(Protocol):
    """Throttles an async function or a tool; what one throttle is put on shares its limits."""

    def __call__(self, fn: AsyncOrTool, /) -> AsyncOrTool:
        """The function or the tool, throttled."""


def async_throttle(max_concurrent: int | None = None, max_per_second: float | None = None) -> Throttle:
    """Let calls wait for their turn. A decorator for async functions (agents in functional form, too) and tools.

    .. code-block:: python

        polite = async_throttle(max_concurrent=2, max_per_second=5)

        @polite
        async def search(query: str) -> str: ...

    :param max_concurrent: how many calls run at once.
    :param max_per_second: how many calls begin in any second; they are spread evenly. May be below 1.
    :raises AgentInputError: no limit, one that does not fit, or a function that is not async (make a tool of it).
    """
    if max_concurrent is None and max_per_second is None:
        raise AgentInputError("async_throttle needs max_concurrent, max_per_second or both")
    concurrent: Any = max_concurrent
    whole = isinstance(concurrent, int) and not isinstance(concurrent, bool) and concurrent >= 1
    if concurrent is not None and not whole:
        raise AgentInputError(f"max_concurrent must be an int >= 1, got {concurrent!r}")
    if max_per_second is not None and not 0 < max_per_second < float("inf"):
        raise AgentInputError(f"max_per_second must be a number > 0, got {max_per_second!r}")
    return _Throttle(max_concurrent, None if max_per_second is None else 1 / max_per_second)


@attrs.define(eq=False)
class _Line:
    """The queue on one event loop: its places, and when the next call may begin."""

    places: asyncio.Semaphore | None
    next_start: float = 0.0


@attrs.define(eq=False)
class _Throttle:
    _max_concurrent: int | None
    _interval: float | None
    # Places belong to a loop: each thread that runs agents has its own.
    _lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = attrs.field(
        factory=weakref.WeakKeyDictionary, init=False
    )

    def __call__(self, fn: AsyncOrTool, /) -> AsyncOrTool:
        if isinstance(fn, Tool):
            return cast("AsyncOrTool", wrapped(fn, self._wrapper))
        given: Any = fn
        if not callable(given) or not is_async(given):
            raise AgentInputError(
                "async_throttle takes async functions and tools; make a tool of a sync function first: tool(fn)"
            )

        @functools.wraps(fn)
        async def throttled(*args: Any, **kwargs: Any) -> Any:
            async with self._turn():
                return await fn(*args, **kwargs)

        return cast("AsyncOrTool", throttled)

    async def _wrapper(self, call: ToolInvocation, proceed: Proceed) -> Any:
        async with self._turn():
            return await proceed(call)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            places = None if self._max_concurrent is None else asyncio.Semaphore(self._max_concurrent)
            line = self._lines[loop] = _Line(places)
        if line.places is None:
            await self._wait(line, loop)
            yield
            return
        async with line.places:
            await self._wait(line, loop)
            yield

    async def _wait(self, line: _Line, loop: asyncio.AbstractEventLoop) -> None:
        if self._interval is None:
            return
        now = loop.time()
        start = max(now, line.next_start)
        line.next_start = start + self._interval
        if start > now:
            await asyncio.sleep(start - now)
