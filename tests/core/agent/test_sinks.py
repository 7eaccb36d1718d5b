"""Sinks get every event of a run; a bad one harms nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from lamella import Agent, AgentInputError, MessageOutputDelta, ResponseDone, RunStreamEvent, fold
from lamella.agent.fanout import FanOut, NamedSink

from fakes import Recorder, ScriptedModel, bare, says


def run_with(*sinks: Any, model: ScriptedModel | None = None, **options: Any) -> Any:
    return Agent(model or ScriptedModel(says("hello")), sinks=sinks, project=bare(), **options)


async def test_a_sink_has_everything_before_the_consumer_sees_the_end() -> None:
    sink = Recorder()
    live: list[RunStreamEvent] = []
    async for event in run_with(sink).astream("hi"):
        live.append(event)
        if event.type == "stream.end":
            assert sink.types[-1] == "stream.end"
            assert sink.closed == 1
    assert sink.events == live
    assert fold(sink.events) == fold(live)


@pytest.mark.parametrize("where", ["open", "write", "close"])
async def test_a_sink_that_raises_is_named_and_isolated(where: str, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Recorder):
        async def open(self) -> None:
            if where == "open":
                raise OSError("disk on fire")
            await super().open()

        async def write(self, batch: Sequence[RunStreamEvent]) -> None:
            if where == "write":
                raise OSError("disk on fire")
            await super().write(batch)

        async def close(self) -> None:
            if where == "close":
                raise OSError("disk on fire")
            await super().close()

    good = Recorder()
    with caplog.at_level(logging.WARNING):
        result = await run_with(Broken(), good).arun("hi")
    assert result.output == "hello"
    assert good.types[-1] == "stream.end"
    assert [record for record in caplog.records if "'Broken' failed" in record.getMessage()]


class Slow(Recorder):
    """Writes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.sizes: list[int] = []

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        await self.gate.wait()
        self.sizes.append(len(batch))
        await super().write(batch)


def envelope(seq: int, durable: bool = False) -> RunStreamEvent:
    event = ResponseDone() if durable else MessageOutputDelta(delta=str(seq))
    return RunStreamEvent(event=event, run_id="r", seq=seq)


async def test_a_slow_sink_slows_the_run_by_default() -> None:
    sink = Slow()
    fan = FanOut([NamedSink("slow", sink)], capacity=4)
    fan.open()

    async def produce() -> None:
        for seq in range(20):
            await fan.put(envelope(seq))

    task = asyncio.create_task(produce())
    await asyncio.sleep(0.01)
    assert not task.done()
    sink.gate.set()
    await task
    await fan.close()
    assert [event.seq for event in sink.events] == list(range(20))


async def test_a_slow_sink_may_shed_deltas_but_never_durable_events(caplog: pytest.LogCaptureFixture) -> None:
    sink = Slow()
    fan = FanOut([NamedSink("slow", sink)], policy="shed", capacity=4)
    fan.open()
    await asyncio.sleep(0)

    async def produce() -> None:
        for seq in range(40):
            await fan.put(envelope(seq, durable=seq % 10 == 9))

    task = asyncio.create_task(produce())
    await asyncio.sleep(0.01)
    sink.gate.set()
    await task
    await fan.close()
    durable = [event.seq for event in sink.events if event.event.durable]
    assert durable == [9, 19, 29, 39]
    assert len(sink.events) < 40
    assert "deltas were shed" in caplog.text


async def test_events_arrive_in_batches() -> None:
    sink = Slow()
    fan = FanOut([NamedSink("slow", sink)])
    fan.open()
    for seq in range(600):
        await fan.put(envelope(seq))
    sink.gate.set()
    await fan.close()
    assert max(sink.sizes) > 1
    assert sum(sink.sizes) == 600


@pytest.mark.parametrize(("field", "bad"), [("sinks", 5), ("sinks", [object()]), ("guardrails", ["strict"])])
def test_what_is_no_sink_or_guardrail_is_refused(field: str, bad: Any) -> None:
    with pytest.raises(AgentInputError, match=field):
        Agent(ScriptedModel(), project=bare(), **{field: bad})
