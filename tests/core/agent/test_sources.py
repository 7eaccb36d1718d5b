"""Tool sources live as long as their run, and their faults have a name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from lamella import Agent, AgentExecutionError, MessageOutputDelta, PluginError, Tool, fold, tool

from fakes import Recorder, ScriptedModel, bare, calls, says


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


class Source:
    """Opens to what it is given; may raise at either end."""

    def __init__(self, opened: Any = (add,), closing: BaseException | None = None) -> None:
        self.opened, self.closing, self.closed = opened, closing, 0

    async def open(self) -> Sequence[Tool]:
        if isinstance(self.opened, BaseException):
            raise self.opened
        return self.opened

    async def close(self) -> None:
        self.closed += 1
        if self.closing is not None:
            raise self.closing


def adding(source: Source, **options: Any) -> Agent:
    model = ScriptedModel(calls(("c1", "add", '{"a": 1, "b": 2}')), says("3"))
    return Agent(model, tools=[source], project=bare(), **options)


async def test_a_source_is_open_for_the_run_and_closed_after_it() -> None:
    source = Source()
    assert (await adding(source).arun("1 + 2?")).messages[1].tool_outputs[0].output == 3
    assert source.closed == 1


async def test_a_source_is_closed_when_the_consumer_leaves() -> None:
    source = Source()
    async with adding(source).astream("1 + 2?") as stream:
        async for _ in stream:
            break
    assert source.closed == 1


@pytest.mark.parametrize("fault", [OSError("no"), SystemExit(4)])
async def test_a_source_that_cannot_open_is_named(fault: BaseException) -> None:
    with pytest.raises(PluginError, match="tool source Source could not be opened"):
        await adding(Source(fault)).arun("1 + 2?")


async def test_a_source_that_opens_to_nothing_is_named_and_closed() -> None:
    source = Source(None)
    source.opened = None
    with pytest.raises(
        PluginError, match="tool source Source must open to a sequence of tools, got NoneType"
    ):
        await adding(source).arun("1 + 2?")
    assert source.closed == 1


async def test_a_source_that_fails_to_close_does_not_undo_the_run(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert (await adding(Source(closing=OSError("stuck"))).arun("1 + 2?")).output == "3"
    assert "tool source Source failed to close: OSError: stuck" in caplog.text


async def test_a_model_that_exits_fails_its_run_and_nothing_else() -> None:
    sink = Recorder()
    model = ScriptedModel([MessageOutputDelta(delta="x"), SystemExit(5)])  # type: ignore[list-item]
    with pytest.raises(AgentExecutionError, match="SystemExit"):
        await Agent(model, sinks=[sink], project=bare()).arun("hi")
    assert fold(sink.events).status == "failed"
    assert fold(sink.events).output == "x"


async def test_a_sink_that_exits_is_isolated(caplog: pytest.LogCaptureFixture) -> None:
    class Exiting(Recorder):
        async def open(self) -> None:
            raise SystemExit(3)

    assert (
        await Agent(ScriptedModel(says("ok")), sinks=[Exiting()], project=bare()).arun("hi")
    ).output == "ok"
    assert "'Exiting' failed" in caplog.text
