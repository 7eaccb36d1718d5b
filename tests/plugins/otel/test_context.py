"""Where a run's span hangs: below the span that is current where the run was started."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace

from lamella import Agent, tool
from lamella_sim import ChatSim

if TYPE_CHECKING:
    from tests.plugins.otel.conftest import Collected

RUN = ("invoke_agent greeter", ["chat echo"])


def greeter(collected: Collected) -> Agent:
    return Agent("sim:echo", name="greeter", sinks=[collected.sink()])


async def test_arun_is_below_the_current_span(collected: Collected) -> None:
    with collected.tracers.get_tracer("web").start_as_current_span("request"):
        await greeter(collected).arun("Hello")
    assert collected.tree() == [("request", [RUN])]


async def test_astream_is_below_the_span_where_it_is_iterated(collected: Collected) -> None:
    with collected.tracers.get_tracer("web").start_as_current_span("request"):
        async for _ in greeter(collected).astream("Hello"):
            pass
    assert collected.tree() == [("request", [RUN])]


def test_run_is_below_the_current_span(collected: Collected) -> None:
    """The synchronous facade runs on another thread, in the caller's context."""
    with collected.tracers.get_tracer("web").start_as_current_span("request"):
        greeter(collected).run("Hello")
    assert collected.tree() == [("request", [RUN])]


def test_stream_is_below_the_current_span(collected: Collected) -> None:
    with collected.tracers.get_tracer("web").start_as_current_span("request"):
        for _ in greeter(collected).stream("Hello"):
            pass
    assert collected.tree() == [("request", [RUN])]


async def test_a_run_without_a_span_around_it_is_a_trace(collected: Collected) -> None:
    await greeter(collected).arun("Hello")
    await greeter(collected).arun("Hello")
    assert collected.tree() == [RUN, RUN]
    assert len({span.context.trace_id for span in collected.spans if span.context is not None}) == 2


async def test_f_x26_interleaved_runs_that_share_a_sink_stay_apart(collected: Collected) -> None:
    """F-X26: many runs at once through one sink, each below the span of its own request."""
    model = ChatSim(delay=0.001)
    agent = Agent(model, name="shared", tools=[add], sinks=[collected.sink()])
    tracer = collected.tracers.get_tracer("web")

    async def request(number: int) -> str:
        with tracer.start_as_current_span(f"request {number}"):
            return (await agent.arun(f"What is {number} + 1?")).run_id

    run_ids = await asyncio.gather(*(request(number) for number in range(20)))
    run = ("invoke_agent shared", ["chat demo", "execute_tool add", "chat demo"])
    assert sorted(collected.tree()) == sorted((f"request {number}", [run]) for number in range(20))
    by_trace: dict[int, set[object]] = {}
    for span in collected.spans:
        if span.context is not None and not span.name.startswith("request"):
            by_trace.setdefault(span.context.trace_id, set()).add((span.attributes or {})["lamella.run_id"])
    assert sorted(map(list, by_trace.values())) == sorted([run_id] for run_id in run_ids)


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_runs_on_several_threads_share_a_sink(collected: Collected) -> None:
    agent = greeter(collected)
    threads = [threading.Thread(target=agent.run, args=("Hello",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collected.tree() == [RUN] * 8


async def test_the_span_of_a_run_does_not_leak_into_the_program(collected: Collected) -> None:
    async for _ in greeter(collected).astream("Hello"):
        assert not trace.get_current_span().get_span_context().is_valid


async def test_one_task_may_write_several_runs(collected: Collected) -> None:
    """Closing one run does not end the others that the same task has opened."""
    sink = collected.sink()
    runs = [[event async for event in Agent("sim:echo", name=name).astream("Hello")] for name in ("a", "b")]
    for _ in runs:
        await sink.open()
    await sink.write(runs[0])
    await sink.write(runs[1][:3])
    await sink.close()
    await sink.write(runs[1][3:])
    await sink.close()
    assert collected.tree() == [("invoke_agent a", ["chat echo"]), ("invoke_agent b", ["chat echo"])]
    assert not [span for span in collected.spans if "error.type" in (span.attributes or {})]


async def test_a_run_that_just_stops_is_interrupted(collected: Collected) -> None:
    sink = collected.sink()
    run = [event async for event in Agent("sim:echo", name="a").astream("Hello")]
    await sink.open()
    await sink.write(run[:3])
    await sink.close()
    assert {(span.attributes or {})["error.type"] for span in collected.spans} == {"run.interrupted"}
