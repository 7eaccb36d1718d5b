"""Lifetimes: opened and closed on every path, and nothing left behind."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from lamella.errors import AgentExecutionError, ConfigError, PluginError
from lamella.specs import ToolSource
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require, skip

__all__ = ["LifetimeContract"]

_MOMENTS: Final = (0, 1, 2, 5)
"""After how many turns of the loop an opening is cancelled."""

_DELAYS: Final = (0.005, 0.05)
"""And after how many seconds."""


class LifetimeContract(ToolSourceBase):
    """What holds of opening and closing."""

    def test_it_can_be_opened_again(self) -> None:
        """After ``close`` the same source opens anew, with the same tools."""

        async def twice() -> None:
            source = self.make_source()
            first = await self.open_source(source)
            await self.patiently(source.close(), "close()")
            try:
                again = await self.patiently(source.open(), "the second open()")
            except Exception as error:
                fail(
                    f"open() after close() raises {type(error).__name__}: {error}; an agent opens its source for each "
                    "run: make in open() all that close() ends"
                )
            tools = {tool.name: tool for tool in again}
            try:
                require(
                    list(tools) == list(first),
                    f"opened again it has the tools {', '.join(tools)} instead of {', '.join(first)}; return the same, "
                    "in the same order",
                )
                self.require_right(
                    self.calls, await self.one_by_one(tools, self.calls), "after close() and open()"
                )
            finally:
                await source.close()

        self.play(twice)

    def test_nothing_is_left_after_close(self) -> None:
        """No task, thread, process, socket or file of an open source is there after ``close``."""

        async def held() -> None:
            async with self.opened() as (_, tools):  # what is imported and kept for good is not counted
                await self.one_by_one(tools, self.calls)
            before = Held.now()
            source = self.make_source()
            tools = await self.open_source(source)
            await self.one_by_one(tools, self.calls)
            await self.patiently(source.close(), "close()")
            await self.require_nothing_left(
                before, "close()", "end it in close(), and wait until it has ended"
            )
            del source

        self.play(held)

    def test_two_sources_at_once(self) -> None:
        """Two sources share nothing: each works as if it were alone, also when the other is closed."""

        async def both() -> None:
            first, second = self.make_source(), self.make_source()
            require(first is not second, "make_source() returns one object twice; make one anew each time")
            async with AsyncExitStack() as stack:
                others = await self.open_source(second)
                stack.push_async_callback(second.close)
                async with AsyncExitStack() as inner:
                    tools = await self.open_source(first)
                    inner.push_async_callback(first.close)
                    outputs = await self.one_by_one(tools, self.calls)
                    self.require_right(self.calls, outputs, "beside another source")
                    outputs = await self.one_by_one(others, self.calls)
                    self.require_right(
                        self.calls,
                        outputs,
                        "on a second source (keep what belongs to one in the object, not in its module)",
                    )
                again = [call for call in self.calls if call.repeatable]
                outputs = await self.one_by_one(others, again)
                self.require_right(again, outputs, "after the close() of another source")

        self.play(both)

    def test_an_opening_that_fails_is_a_typed_error(self) -> None:
        """It says in words what happened, where, and what to do."""
        self._broken()

        async def failed() -> None:
            source = self._broken()
            try:
                await self.patiently(source.open(), "an open() that fails")
            except (AgentExecutionError, ConfigError, PluginError) as error:
                require(
                    len(error.message) > 20,
                    f"the error says only {error.message!r}; say what happened, and what to do",
                )
            except Exception as error:
                fail(
                    f"an opening that fails raises {type(error).__name__}: {error}; raise AgentExecutionError (what is "
                    "behind the tools cannot be reached) or ConfigError (a setting is wrong), with what to do"
                )
            else:
                await source.close()
                fail("the source of make_broken_source() can be opened; return one that cannot")

        self.play(failed)

    def test_an_opening_that_fails_leaves_nothing(self) -> None:
        """Nobody closes a source that was not opened: ``open`` itself cleans up."""
        self._broken()

        async def failed() -> None:
            await _try_to_open(self._broken())
            before = Held.now()
            source = self._broken()
            await _try_to_open(source)
            await self.require_nothing_left(
                before,
                "an open() that failed",
                "clean up in open() before the error leaves: close() is not called",
            )
            del source

        self.play(failed)

    def test_an_opening_that_is_cancelled_leaves_nothing(self) -> None:
        """Ctrl-C may come while a source is being opened."""

        async def cancelled() -> None:
            async with self.opened():
                pass
            before = Held.now()
            for moment in (*_MOMENTS, *_DELAYS):
                source = self.make_source()
                task = asyncio.ensure_future(source.open())
                if isinstance(moment, int):
                    for _ in range(moment):
                        await asyncio.sleep(0)
                else:
                    await asyncio.sleep(moment)
                task.cancel()
                try:
                    await self.patiently(asyncio.wait([task]), "an open() that was cancelled")
                finally:
                    if not task.done():
                        task.cancel()
                if not task.cancelled() and task.exception() is None:
                    await source.close()  # it was open already
                elif not task.cancelled():
                    fail(
                        f"an open() that is cancelled raises {type(task.exception()).__name__}; let the CancelledError "
                        "through"
                    )
                await self.require_nothing_left(
                    before,
                    "an open() that was cancelled",
                    "clean up in open() with try … except BaseException",
                )

        self.play(cancelled)

    def _broken(self) -> ToolSource:
        source = self.make_broken_source()
        if source is None:
            skip("write make_broken_source(): return a source that cannot be opened")
        return source


async def _try_to_open(source: ToolSource) -> None:
    try:
        await source.open()
    except Exception:
        return
    await source.close()
