"""Calls: what they give, alone, at once, failing, too slow, and broken off."""

from __future__ import annotations

import asyncio
from typing import Any

from lamella.content import MediaContent, ToolOutputBlock
from lamella.messages import Message
from lamella.serial import from_json, to_json
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require, skip

__all__ = ["CallContract"]


class CallContract(ToolSourceBase):
    """What holds of the calls."""

    def test_calls_give_what_they_should(self) -> None:
        """Each of ``calls``, in order, on a source that was just opened."""
        calls = self.some_calls()

        async def called() -> None:
            async with self.opened() as (_, tools):
                self.require_right(
                    calls, await self.one_by_one(tools, calls), "on a source that was just opened"
                )

        self.play(called)

    def test_outputs_can_be_stored(self) -> None:
        """Text, JSON, or blocks of text and media that have a tag: a run store keeps them."""
        calls = self.some_calls()

        async def stored() -> None:
            async with self.opened() as (_, tools):
                for call, done in zip(calls, await self.one_by_one(tools, calls), strict=True):
                    blocks = done.output if isinstance(done.output, tuple) else ()
                    if any(type(block) is MediaContent for block in blocks):
                        fail(
                            f"{call} gives a bare MediaContent, which no store can keep; take the class of a content "
                            'plugin (lamella.config.content_class("image")), or say in text what was left out'
                        )
                    message = Message(
                        role="user",
                        content=[ToolOutputBlock(call_id="c", name=call.tool, output=done.output)],
                    )
                    try:
                        same = from_json(to_json(message), Message) == message
                    except Exception as error:
                        fail(f"the output of {call} cannot be stored: {type(error).__name__}: {error}")
                    require(
                        same,
                        f"the output of {call} does not come back from JSON as it was; return plain JSON",
                    )

        self.play(stored)

    def test_calls_at_once(self) -> None:
        """Many calls in one turn do not mix up."""
        calls = [call for call in self.some_calls() if call.repeatable] * 5
        if not calls:
            skip("no call is repeatable")

        async def together() -> None:
            async with self.opened() as (_, tools):
                outputs = await self.patiently(self.outputs(tools, calls), f"{len(calls)} calls at once")
                self.require_right(
                    calls,
                    outputs,
                    "beside others (keep what belongs to a call in it, or set Tool(sequential=True))",
                )

        self.play(together)

    def test_a_failing_call_is_an_error_output(self) -> None:
        """The model is told in words; the source goes on working."""
        failing = self.failing_calls
        if not failing:
            skip("failing_calls is empty: give calls whose arguments fit and which fail")

        async def failed() -> None:
            async with self.opened() as (_, tools):
                for call, done in zip(failing, await self.one_by_one(tools, failing), strict=True):
                    require(
                        done.is_error,
                        f"{call} should fail, and gave {done.output!r:.300}; raise an exception "
                        "(lamella.AgentToolExecutionError), so that the output says that it is an error",
                    )
                    text = str(done.output)
                    require(
                        text.partition(":")[2].strip() and "Traceback" not in text,
                        f"{call} fails with {text!r:.300}; say in a sentence what went wrong",
                    )
                self.require_right(
                    self.calls, await self.one_by_one(tools, self.calls), "after calls that failed"
                )

        self.play(failed)

    def test_a_timeout_is_honoured(self) -> None:
        """A call that takes too long is an error in time; other calls finish, also afterwards."""
        slow = self._slow()

        async def bounded() -> None:
            async with self.opened() as (_, tools):
                begin = asyncio.get_running_loop().time()
                for call, done in zip(slow, await self.outputs(tools, slow, limit=self.moment), strict=True):
                    require(
                        done.is_error,
                        f"{call} gave {done.output!r:.200} within {self.moment:g} s; slow_calls must take longer than "
                        f"{self.patience:g} s",
                    )
                spent = asyncio.get_running_loop().time() - begin
                require(
                    spent < self.moment + self.patience / 2,
                    f"a call with a timeout of {self.moment:g} s took {spent:.1f} s; let it be cancelled: await what it waits "
                    "for, and do not catch CancelledError",
                )
                self.require_right(
                    self.calls, await self.one_by_one(tools, self.calls), "after a call that timed out"
                )

        self.play(bounded)

    def test_close_during_a_call(self) -> None:
        """A run that is cancelled cancels its calls, then closes the source: both end, and nothing is left."""
        slow = self._slow()

        async def broken_off() -> None:
            async with self.opened():
                pass
            before = Held.now()
            source = self.make_source()
            tools = await self.open_source(source)
            task = asyncio.ensure_future(self.outputs(tools, slow[:1]))
            await asyncio.sleep(self.moment / 2)
            task.cancel()
            await self.patiently(asyncio.wait([task]), "a call that was cancelled")
            await self.patiently(source.close(), "close() after a call that was cancelled")
            await self.require_nothing_left(
                before, "a call that was cancelled, and close()", "end in close() what the call had begun"
            )
            del source

        self.play(broken_off)

    def test_close_under_a_call(self) -> None:
        """``close`` comes to an end although a call still waits, and ends what the call waits for."""
        slow = self._slow()

        async def under() -> None:
            async with self.opened():
                pass
            before = Held.now()
            source = self.make_source()
            tools = await self.open_source(source)
            task: asyncio.Future[Any] = asyncio.ensure_future(self.outputs(tools, slow[:1]))
            await asyncio.sleep(self.moment / 2)
            try:
                await self.patiently(source.close(), "close() while a call waits")
            finally:
                task.cancel()
                await asyncio.wait([task], timeout=self.patience)
            await self.require_nothing_left(
                before, "close() while a call waits", "end in close() what the call had begun"
            )
            del source

        self.play(under)

    def _slow(self) -> list[Any]:
        if not self.slow_calls:
            skip("slow_calls is empty: give a call that takes longer than patience")
        return list(self.slow_calls)
