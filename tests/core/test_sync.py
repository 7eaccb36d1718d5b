"""The sync facade runs everything on one loop of its own, in the caller's context."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator

import pytest

from lamella import AgentExecutionError
from lamella.sync import iterate, run

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_it_works_where_a_loop_is_running() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert run(answer()) == 42


def test_one_loop_serves_all_threads() -> None:
    async def loop_id() -> int:
        return id(asyncio.get_running_loop())

    seen: set[int] = set()
    threads = [threading.Thread(target=lambda: seen.add(run(loop_id()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1


def test_the_callers_context_is_seen() -> None:
    async def read() -> str:
        return variable.get()

    variable.set("set")
    assert run(read()) == "set"


def test_a_call_from_its_own_loop_is_refused() -> None:
    async def inner() -> int:
        return 1

    async def outer() -> int:
        return run(inner())

    with pytest.raises(AgentExecutionError, match="async method"):
        run(outer())


async def numbers(closed: list[bool], count: int = 1000) -> AsyncIterator[int]:
    try:
        for number in range(count):
            yield number
    finally:
        await asyncio.sleep(0)
        closed.append(True)


def test_iterating_gives_everything_in_order() -> None:
    closed: list[bool] = []
    assert list(iterate(lambda: numbers(closed))) == list(range(1000))
    assert closed == [True]


def test_leaving_early_closes_the_source_before_going_on() -> None:
    closed: list[bool] = []
    for number in iterate(lambda: numbers(closed)):
        if number == 3:
            break
    assert closed == [True]


def test_a_slow_consumer_holds_the_producer_back() -> None:
    made: list[int] = []

    async def source() -> AsyncIterator[int]:
        for number in range(10_000):
            made.append(number)
            yield number

    items = iterate(source)
    for _ in range(10):
        next(items)
    threading.Event().wait(0.05)
    assert len(made) < 200
    items.close()


def test_an_error_arrives_after_what_came_before_it() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise ValueError("boom")

    seen = []
    with pytest.raises(ValueError, match="boom"):
        for item in iterate(source):
            seen.append(item)
    assert seen == [1]


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
def test_f_evt07_what_ends_a_program_reaches_the_caller_and_leaves_the_loop_running(
    raised: type[BaseException],
) -> None:
    async def task() -> None:
        raise raised(3)

    async def parent() -> None:
        await asyncio.create_task(task())

    async def items() -> AsyncIterator[int]:
        yield 1
        await parent()

    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    with pytest.raises(raised):
        run(parent())
    seen: list[int] = []
    with pytest.raises(raised):
        seen.extend(iterate(items))
    assert run(answer()) == 42
