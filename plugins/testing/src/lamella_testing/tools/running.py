"""A run: an agent opens the source, a model calls its tools, and the source is closed on every path."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from lamella.agent import Agent
from lamella.content import ToolCallBlock
from lamella.specs import ToolSource
from lamella.tools import Tool
from lamella_testing.fakes import ScriptedModel
from lamella_testing.tools.base import ToolSourceBase
from lamella_testing.tools.leaks import Held
from lamella_testing.verdict import fail, require, skip

__all__ = ["Counted", "RunContract"]


class Counted:
    """A source in the place of another, which counts."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.opened = self.closed = 0

    async def open(self) -> Any:
        """Open it."""
        tools = await self._source.open()
        self.opened += 1
        return tools

    async def close(self) -> None:
        """Close it."""
        self.closed += 1
        await self._source.close()


class RunContract(ToolSourceBase):
    """What holds of a run."""

    def test_an_agent_uses_it(self) -> None:
        """A run with a scripted model: the call is made, the model gets the output, the source is closed."""
        call = self.some_calls()[0]

        async def ran() -> None:
            source = Counted(self.make_source())
            block = ToolCallBlock(call_id="call-1", name=call.tool, arguments=dict(call.arguments))
            model = ScriptedModel(block, "The end.")
            agent = Agent(model, tools=[source], approve=lambda _: True)
            try:
                result = await agent.arun("Go.", runtime_context=dict(self.runtime_context))
            except Exception as error:
                fail(f"a run with {call} raises {type(error).__name__}: {error}")
            require(result.output == "The end.", "a run does not come to its end")
            (done,) = model.requests[1].messages[-1].tool_outputs
            require(not done.is_error, f"{call} fails in a run: {done.output!r:.500}")
            complaint = call.complaint(done.output)
            require(complaint is None, f"{call} in a run: {complaint}")
            require((source.opened, source.closed) == (1, 1), "a run does not close the source")

        self.play(ran)

    def test_a_cancelled_run_leaves_nothing(self) -> None:
        """Ctrl-C while a tool runs."""
        if not self.slow_calls:
            skip("slow_calls is empty: give a call that takes longer than patience")
        call = self.slow_calls[0]

        async def cancelled() -> None:
            async with self.opened():
                pass
            before = Held.now()
            source: ToolSource = self.make_source()
            block = ToolCallBlock(call_id="call-1", name=call.tool, arguments=dict(call.arguments))
            agent = Agent(ScriptedModel(block, "The end."), tools=[source], approve=lambda _: True)
            task = asyncio.ensure_future(agent.arun("Go.", runtime_context=dict(self.runtime_context)))
            await asyncio.sleep(1.5 * self.moment)
            task.cancel()
            await self.patiently(asyncio.wait([task]), "a run that was cancelled")
            with suppress(BaseException):
                task.result()
            await self.require_nothing_left(
                before, "a run that was cancelled", "end in close() what is still there"
            )
            del source, agent

        self.play(cancelled)

    def test_tools_are_plain_data(self) -> None:
        """Tools can be changed by ``attrs.evolve``: selections, middleware and timeouts are made so."""

        async def evolved() -> None:
            import attrs

            async with self.opened() as (_, tools):
                for name, tool in tools.items():
                    try:
                        made: Tool = attrs.evolve(tool, name=f"x_{name}"[:64], timeout=5.0)
                    except Exception as error:
                        fail(
                            f"{name} cannot be changed (attrs.evolve): {type(error).__name__}: {error}; make a Tool, no "
                            "subclass with other arguments"
                        )
                    require(
                        made.input_schema == tool.input_schema and made.description == tool.description,
                        f"{name}: a copy under another name has another schema or description",
                    )

        self.play(evolved)
