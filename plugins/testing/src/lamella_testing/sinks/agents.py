"""Agents: the sink takes their runs as they happen, also those that fail and those that are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import attrs
import pytest

from lamella.agent import Agent, BaseAgent
from lamella.content import ToolCallBlock
from lamella.errors import LamellaError, ServerError
from lamella.events import RunStreamEvent
from lamella.layers import chain, parallel
from lamella.specs import Sink
from lamella.usage import TokenUsage
from lamella_testing.fakes import ScriptedModel
from lamella_testing.recording import EventRecorder
from lamella_testing.seen import logged
from lamella_testing.sinks.keeping import KeepingBase
from lamella_testing.sinks.stories import Told
from lamella_testing.verdict import fail, require

__all__ = ["AgentContract"]


@attrs.frozen
class Weather:
    """A structured answer."""

    city: str
    degrees: float


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


def _call(name: str, place: int = 1, **arguments: Any) -> ToolCallBlock:
    return ToolCallBlock(call_id=f"call-{name}-{place}", name=name, arguments=arguments)


def _model(*replies: Any) -> ScriptedModel:
    return ScriptedModel(*replies, usage=TokenUsage(input_tokens=5, output_tokens=3))


def _plain(sinks: Sequence[Sink]) -> BaseAgent:
    return Agent(_model("Hello, you!"), name="plain", sinks=sinks)


def _tools(sinks: Sequence[Sink]) -> BaseAgent:
    calls = [_call("double", place, number=place) for place in range(4)]
    return Agent(_model([*calls], "Doubled."), tools=[double], sinks=sinks)


def _nested(sinks: Sequence[Sink]) -> BaseAgent:
    helper = Agent(_model(_call("double", number=4), "Eight."), name="helper", tools=[double])
    return Agent(
        _model(_call("helper", prompt="Double 4."), "It is eight."), tools=[helper.as_tool()], sinks=sinks
    )


def _structured(sinks: Sequence[Sink]) -> BaseAgent:
    good = {"city": "Rome", "degrees": 21.5}
    return Agent(_model({"city": "Rome"}, good), output_type=Weather, sinks=sinks)


def _chain(sinks: Sequence[Sink]) -> BaseAgent:
    return chain(Agent(_model("One."), name="one"), Agent(_model("Two."), name="two"), sinks=sinks)


def _parallel(sinks: Sequence[Sink]) -> BaseAgent:
    return parallel(Agent(_model("One."), name="one"), Agent(_model("Two."), name="two"), sinks=sinks)


def _failing(sinks: Sequence[Sink]) -> BaseAgent:
    return Agent(
        _model(_call("double", number=1), ServerError("The server is down.")), tools=[double], sinks=sinks
    )


_AGENTS: dict[str, Callable[[Sequence[Sink]], BaseAgent]] = {
    "plain": _plain,
    "tools": _tools,
    "nested": _nested,
    "structured": _structured,
    "chain": _chain,
    "parallel": _parallel,
    "failing": _failing,
}


class AgentContract(KeepingBase):
    """What holds of the runs of agents."""

    @pytest.mark.parametrize("kind", _AGENTS)
    def test_an_agent_is_watched(self, kind: str) -> None:
        """``arun`` with the sink: no call of it fails, and a store has the run when it has ended."""

        async def watched() -> None:
            sink, recorder = self.make_sink(), EventRecorder()
            agent = _AGENTS[kind]([sink, recorder])
            with logged() as lines, suppress(LamellaError):
                await agent.arun("Go.")
            self._require_unharmed(lines)
            await self.require_kept(sink, _told(kind, recorder.events), "of an agent")

        self.play(watched)

    def test_an_agent_is_watched_from_synchronous_code(self) -> None:
        """``run`` and ``stream``, which go through a loop of their own."""
        sink, recorder = self.make_sink(), EventRecorder()
        with logged() as lines:
            result = _tools([sink, recorder]).run("Go.")
            events = list(_plain([sink]).stream("Go."))
        self._require_unharmed(lines)

        async def kept() -> None:
            await self.require_kept(sink, _told("tools", recorder.events), "of Agent.run")
            await self.require_kept(sink, _told("plain", events), "of Agent.stream")

        require(result.status == "completed", "a run does not come to its end")
        self.play(kept)

    def test_a_cancelled_run_is_taken_to_its_end(self) -> None:
        """Ctrl-C: the sink gets the last event, and is closed."""

        async def cancelled() -> None:
            begun = asyncio.Event()

            async def wait() -> None:
                """Wait."""
                begun.set()
                await asyncio.Event().wait()

            sink, recorder = self.make_sink(), EventRecorder()
            agent = Agent(_model(_call("wait"), "Never."), tools=[wait], sinks=[sink, recorder])
            with logged() as lines:
                task = asyncio.ensure_future(agent.arun("Go."))
                await self.patiently(begun.wait(), "a run with the sink")
                task.cancel()
                await asyncio.wait([task], timeout=self.patience)
            if not task.done():
                fail(
                    f"a run that was cancelled does not end within {self.patience:g} s; bound write() and close()"
                )
            self._require_unharmed(lines)
            await self.require_kept(sink, _told("cancelled", recorder.events), "of an agent")

        self.play(cancelled)

    def _require_unharmed(self, lines: Sequence[str]) -> None:
        failed = [line for line in lines if line.startswith("lamella.agent.fanout sink")]
        said = (failed or [""])[0].partition(" {")[0].partition("\nTraceback")[0]
        require(not failed, f"{said}; a sink that fails loses the rest of the run")


def _told(name: str, events: list[RunStreamEvent]) -> Told:
    from lamella.fold import fold

    return Told(name, events, fold(events))
