"""Tool sources live as long as their run, and their faults have a name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from lamella import Agent, AgentExecutionError, ConfigError, MessageOutputDelta, PluginError, Tool, fold, tool
from lamella.tools import selected

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


# -- sources whose tools change -------------------------------------------------------------------


@tool
def multiply(a: int, b: int) -> int:
    """Multiply."""
    return a * b


class Changing(Source):
    """Has other tools each time it is asked, as long as there are any; ``None`` is no change."""

    def __init__(self, *later: Any) -> None:
        super().__init__()
        self.later = list(later)

    async def refresh(self) -> Any:
        found = self.later.pop(0) if self.later else None
        if isinstance(found, BaseException):
            raise found
        return found


def seen(model: ScriptedModel) -> list[list[str]]:
    return [[tool.name for tool in request.tools] for request in model.requests]


async def test_the_model_sees_the_tools_that_there_are_now() -> None:
    adds = calls(("c1", "add", '{"a": 1, "b": 2}'))
    multiplies = calls(("c2", "multiply", '{"a": 3, "b": 2}'))
    model = ScriptedModel(adds, multiplies, calls(("c3", "add", '{"a": 1, "b": 1}')), says("6"))
    source = Changing([add, multiply], None, [multiply])
    result = await Agent(model, tools=[source], project=bare()).arun("(1 + 2) * 2?")
    assert seen(model) == [["add"], ["add", "multiply"], ["add", "multiply"], ["multiply"]]
    outputs = [output for message in result.messages for output in message.tool_outputs]
    assert [output.output for output in outputs] == [3, 6, 2]


async def test_two_sources_of_which_one_changes() -> None:
    adds = calls(("c1", "add", '{"a": 1, "b": 2}'))
    model = ScriptedModel(adds, says("3"))
    other = Changing([multiply])
    other.opened = ()
    await Agent(model, tools=[Source(), other], project=bare()).arun("1 + 2?")
    assert seen(model) == [["add"], ["add", "multiply"]]


@pytest.mark.parametrize(
    ("later", "message"),
    [
        (OSError("no"), "tool source Changing could not say what its tools are: OSError: no"),
        (7, "must open to a sequence of tools, got int"),
    ],
)
async def test_a_source_that_fails_to_change_is_named(later: Any, message: str) -> None:
    model = ScriptedModel(calls(("c1", "add", '{"a": 1, "b": 2}')), says("3"))
    source = Changing(later)
    with pytest.raises(PluginError, match=message):
        await Agent(model, tools=[source], project=bare()).arun("1 + 2?")
    assert source.closed == 1


# -- selections -----------------------------------------------------------------------------------


@tool(requires_approval=True, timeout=5)
def subtract(a: int, b: int) -> int:
    """Subtract."""
    return a - b


async def names(source: Any) -> list[str]:
    return [tool.name for tool in await source.open()]


async def test_some_tools_of_a_source_under_other_names() -> None:
    source = Source((add, multiply, subtract))
    assert await names(selected(source)) == ["add", "multiply", "subtract"]
    assert await names(selected(source, include=["*t*"], exclude=["sub*"], prefix="x_")) == ["x_multiply"]
    assert await names(selected(source, include=["subtract", "a*"])) == ["add", "subtract"]


async def test_a_tool_that_include_names_must_be_there() -> None:
    source = Source((add, multiply))
    with pytest.raises(
        ConfigError, match=r"no tool 'multipy', which include names; did you mean 'multiply'\?"
    ):
        await selected(source, include=["multipy"]).open()
    assert source.closed == 1
    assert await names(selected(source, include=["x*"])) == []


@pytest.mark.parametrize(
    ("approve", "needed"),
    [
        (None, [False, True]),
        ("always", [True, True]),
        ("never", [False, False]),
        (["add"], [True, True]),
        (["nobody"], [False, True]),
    ],
)
async def test_approval_and_timeout_of_a_selection(approve: Any, needed: list[bool]) -> None:
    tools = await selected(Source((add, subtract)), approve=approve).open()
    assert [tool.requires_approval for tool in tools] == needed
    assert [tool.timeout for tool in tools] == [None, 5]
    tools = await selected(Source((add, subtract)), timeout=2).open()
    assert [tool.timeout for tool in tools] == [2, 2]


@pytest.mark.parametrize(
    "wrong", [{"approve": "ask"}, {"include": "add"}, {"timeout": 0}, {"exclude": "a*"}], ids=str
)
def test_a_selection_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        selected(Source(), **wrong)


async def test_a_selection_changes_with_its_source() -> None:
    chosen = selected(Changing([add, multiply], None), exclude=["add"], prefix="x_")
    assert await names(chosen) == []
    changed = await chosen.refresh()
    assert changed is not None
    assert [tool.name for tool in changed] == ["x_multiply"]
    assert await chosen.refresh() is None
    assert await selected(Source()).refresh() is None


async def test_a_renamed_tool_is_called_by_its_new_name() -> None:
    model = ScriptedModel(calls(("c1", "math_add", '{"a": 1, "b": 2}')), says("3"))
    agent = Agent(model, tools=[selected(Source(), prefix="math_")], project=bare())
    result = await agent.arun("1 + 2?")
    assert result.messages[1].tool_outputs[0].output == 3
