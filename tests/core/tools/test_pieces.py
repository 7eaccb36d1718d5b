"""Generators as tools: their text is progress while they run, and the output when they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from lamella import AgentToolExecutionError, Tool, ToolCallBlock, ToolRuntime, tool
from lamella.events import ProgressUpdate, ToolOutputDone, ToolStart
from lamella.tools import Approvals, report_progress, run_calls

from turn import failed, outputs, turn


@tool
async def count(n: int) -> AsyncIterator[str]:
    """Count."""
    for index in range(n):
        yield f"{index} "


@tool
def count_sync(n: int) -> Iterator[str]:
    """Count."""
    for index in range(n):
        yield f"{index} "


@pytest.mark.parametrize("made", [count, count_sync])
async def test_pieces_are_progress_and_together_the_output(made: Tool) -> None:
    assert await turn(made, {"n": 2}) == [
        ProgressUpdate(key=made.name, text="0 ", call_id="c0"),
        ProgressUpdate(key=made.name, text="1 ", call_id="c0"),
        ToolOutputDone(id="c0", call_id="c0", name=made.name, output="0 1 "),
    ]
    assert await outputs(made, {"n": 0}) == [""]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_piece_is_shown_while_the_tool_runs(kind: str) -> None:
    seen = threading.Event()

    def slow() -> Iterator[str]:
        yield "first"
        assert seen.wait(30)
        yield ""
        yield " second"

    async def aslow() -> AsyncIterator[str]:
        yield "first"
        assert await asyncio.to_thread(seen.wait, 30)
        yield ""
        yield " second"

    made = Tool(slow, name="f") if kind == "sync" else Tool(coroutine=aslow, name="f")
    texts = []
    stream = run_calls(
        [ToolCallBlock(call_id="c", name="f")],
        {"f": made},
        runtime_context={},
        mode="run_async",
        approvals=Approvals(),
    )
    async for item in stream:
        if isinstance(item.event, ToolStart):
            continue
        texts.append(getattr(item.event, "text", None) or getattr(item.event, "output", None))
        seen.set()
    assert texts == ["first", " second", "first second"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_error_in_mid_stream_keeps_what_came_and_hides_what_is_hidden(kind: str) -> None:
    """F-N32: the part of an error output that the tool gave before holds no hidden value either."""

    def broken(runtime: ToolRuntime) -> Iterator[str]:
        yield "one "
        yield f"two {runtime.token}"
        raise ValueError("no more")

    async def abroken(runtime: ToolRuntime) -> AsyncIterator[str]:
        yield "one "
        yield f"two {runtime.token}"
        raise ValueError("no more")

    def made(**options: Any) -> Tool:
        return (
            Tool(broken, name="f", **options)
            if kind == "sync"
            else Tool(coroutine=abroken, name="f", **options)
        )

    context = {"token": "tok-12345"}
    said = await failed(made(), runtime_context=context)
    assert said == "ValueError: no more\nBefore it failed it gave:\none two [hidden]"
    said = await failed(made(), runtime_context=context, error_detail="class")
    assert said == "ValueError\nBefore it failed it gave:\none two [hidden]"
    with pytest.raises(AgentToolExecutionError, match="no more"):
        await turn(made(on_error="raise"), runtime_context=context)


async def test_a_timeout_in_mid_stream_keeps_what_came_and_closes_the_generator() -> None:
    closed = []

    @tool(timeout=0.02)
    async def hang() -> AsyncIterator[str]:
        try:
            yield "so far"
            await asyncio.sleep(30)
        finally:
            closed.append(True)

    said = await failed(hang)
    assert said == (
        "ToolTimeoutError: tool hang did not finish within 0.02 s\nBefore it failed it gave:\nso far"
    )
    assert closed == [True]


async def test_a_thread_whose_call_is_over_is_stopped_at_its_next_piece() -> None:
    release, closed = threading.Event(), threading.Event()

    @tool(timeout=0.01)
    def late() -> Iterator[str]:
        try:
            release.wait(30)
            while True:
                yield "x"
        finally:
            closed.set()

    assert "did not finish" in await failed(late)
    release.set()
    assert await asyncio.to_thread(closed.wait, 30)


async def test_what_is_not_text_is_refused() -> None:
    @tool
    async def wrong() -> AsyncIterator[Any]:
        yield {"a": 1}

    assert "yielded a dict; what a tool yields is text" in await failed(wrong)

    def lazily() -> Any:
        return count(2)

    assert "returned an async generator; make the function async" in await failed(Tool(lazily))


async def test_progress_says_what_is_being_done() -> None:
    @tool
    def load() -> str:
        report_progress("load", 0.5, details="halfway")
        return "done"

    first, _ = await turn(load)
    assert first == ProgressUpdate(key="load", fraction=0.5, details="halfway", call_id="c0")
