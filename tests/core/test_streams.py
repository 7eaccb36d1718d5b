"""F-EVT13: the stream combinators."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.errors import AgentExecutionError
from lamella.streams import adup, aenumerate, apeek, fake_async, prefix_stream


class Source:
    """An async source that counts what it gave and knows whether it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.given, self.closed = 0, False
        self._count, self._error = count, error
        self._stream = self._run()

    async def _run(self) -> AsyncIterator[int]:
        try:
            while self.given < self._count:
                await asyncio.sleep(0)
                self.given += 1
                yield self.given - 1
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True

    def __aiter__(self) -> AsyncIterator[int]:
        return self._stream


async def collect(stream: Any) -> list[Any]:
    return [item async for item in stream]


async def test_f_evt13_fake_async() -> None:
    assert await collect(fake_async([1, 2])) == [1, 2]
    assert await collect(fake_async(iter(()))) == []


async def test_f_evt13_fake_async_closes_a_generator() -> None:
    closed = []

    def generate() -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            closed.append(True)

    async with aclosing(fake_async(generate())) as stream:
        assert await anext(stream) == 0
    assert closed == [True]
    assert await collect(stream) == []


async def test_f_evt13_aenumerate() -> None:
    assert await collect(aenumerate(Source(2))) == [(0, 0), (1, 1)]
    assert await collect(aenumerate(fake_async("ab"), start=5)) == [(5, "a"), (6, "b")]


async def test_f_evt13_prefix_stream() -> None:
    assert await collect(prefix_stream(["x"], Source(2))) == ["x", 0, 1]
    assert await collect(prefix_stream([], Source(0))) == []


@pytest.mark.parametrize("n", [0, 1, 3])
async def test_f_evt13_apeek_gives_the_first_and_the_whole(n: int) -> None:
    source = Source(3)
    first, whole = await apeek(source, n)
    assert first == list(range(n))
    assert source.given == n
    assert await collect(whole) == [0, 1, 2]


async def test_f_evt13_apeek_looks_at_one_by_default() -> None:
    first, _ = await apeek(Source(3))
    assert first == [0]


@pytest.mark.parametrize("n", [-1, 1.0, "1", None, True])
async def test_f_evt13_apeek_refuses_what_is_no_count(n: Any) -> None:
    with pytest.raises(ValueError, match="apeek: n must be an int of 0 or more"):
        await apeek(Source(3), n)


async def test_f_evt13_apeek_refuses_a_short_stream() -> None:
    source = Source(2)
    with pytest.raises(ValueError, match="has 2 items, 3 were asked for"):
        await apeek(source, 3)
    assert source.closed


async def test_apeek_passes_the_error_of_the_source_on() -> None:
    with pytest.raises(OSError, match="gone"):
        await apeek(Source(1, OSError("gone")), 2)


@pytest.mark.parametrize(
    "make",
    [aenumerate, lambda source: prefix_stream([], source), lambda source: prefix_stream(["x"], source)],
)
async def test_f_evt13_closing_closes_the_source(make: Any) -> None:
    source = Source(3)
    async with aclosing(make(prefix_stream([], source))) as stream:
        await anext(stream)
        await anext(stream)
    assert source.closed
    assert await collect(stream) == []
    await stream.aclose()


# -- adup -----------------------------------------------------------------------------------------


async def test_f_evt13_adup_gives_two_full_copies() -> None:
    source = Source(5)
    left, right = adup(source)
    assert await asyncio.gather(collect(left), collect(right)) == [[0, 1, 2, 3, 4]] * 2
    assert source.closed


async def test_f_evt13_adup_copies_may_be_read_one_after_the_other_within_the_bound() -> None:
    left, right = adup(Source(5), maxsize=5)
    assert await collect(left) == [0, 1, 2, 3, 4]
    assert await collect(right) == [0, 1, 2, 3, 4]


async def test_f_evt13_adup_reads_only_what_is_asked_for() -> None:
    source = Source(100)
    left, right = adup(source)
    assert source.given == 0
    assert [await anext(left), await anext(left), await anext(right)] == [0, 1, 0]
    assert source.given <= 3
    await left.aclose()
    await right.aclose()


async def test_f_evt13_adup_raises_the_error_once_per_copy_then_is_empty() -> None:
    error = OSError("gone")
    for stream in adup(Source(2, error)):
        assert [await anext(stream), await anext(stream)] == [0, 1]
        with pytest.raises(OSError, match="gone") as caught:
            await anext(stream)
        assert caught.value is error
        assert await collect(stream) == []


async def test_f_evt13_adup_is_bounded_the_faster_copy_waits() -> None:
    source = Source(1000)
    left, right = adup(source, maxsize=3)
    reading = asyncio.create_task(collect(left))
    for _ in range(100):
        await asyncio.sleep(0)
    assert source.given == 4  # three wait for the right copy, one for room
    assert not reading.done()
    assert await collect(right) == list(range(1000))
    assert await reading == list(range(1000))


async def test_f_evt13_adup_closing_one_copy_frees_the_other() -> None:
    source = Source(1000)
    left, right = adup(source, maxsize=3)
    reading = asyncio.create_task(collect(left))
    for _ in range(50):
        await asyncio.sleep(0)
    await right.aclose()
    assert await reading == list(range(1000))
    assert await collect(right) == []


async def test_f_evt13_adup_an_abandoned_copy_holds_nobody_up() -> None:
    left, right = adup(Source(100), maxsize=3)
    assert await anext(right) == 0
    del right
    gc.collect()
    assert await collect(left) == list(range(100))


async def test_f_evt13_adup_closing_both_closes_the_source() -> None:
    source = Source(1000)
    left, right = adup(source)
    assert await anext(left) == 0
    await left.aclose()
    assert not source.closed
    await right.aclose()
    assert source.closed
    await right.aclose()


async def test_f_evt13_adup_closing_unread_copies_closes_the_source() -> None:
    inner = Source(3)
    assert await anext(aiter(inner)) == 0
    for stream in adup(inner):
        await stream.aclose()
    assert inner.closed


async def test_f_evt13_adup_abandoning_both_closes_the_source() -> None:
    source = Source(1000)
    left, right = adup(source)
    assert await anext(left) == 0
    del left, right
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert source.closed


async def test_adup_cancelling_one_reader_leaves_the_other_whole() -> None:
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[int]:
        yield 0
        await gate.wait()
        yield 1

    left, right = adup(slow())
    assert await anext(left) == 0
    waiting = asyncio.create_task(anext(left))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await collect(right) == [0, 1]
    assert await collect(left) == [1]


async def test_adup_a_cancelled_source_is_no_normal_end() -> None:
    async def cancelled() -> AsyncIterator[int]:
        yield 0
        raise asyncio.CancelledError

    for stream in adup(cancelled()):
        assert await anext(stream) == 0
        with pytest.raises(AgentExecutionError, match="cancelled"):
            await anext(stream)


@pytest.mark.parametrize("maxsize", [0, -1, 1.5, None, True])
async def test_adup_refuses_what_is_no_bound(maxsize: Any) -> None:
    with pytest.raises(ValueError, match="maxsize must be an int of 1 or more"):
        adup(Source(1), maxsize)


@given(st.integers(0, 6), st.integers(1, 3), st.lists(st.booleans(), max_size=20))
async def test_adup_any_order_of_readers_gives_full_copies(
    count: int, maxsize: int, order: list[bool]
) -> None:
    copies = adup(Source(count), maxsize=maxsize)
    got: tuple[list[int], list[int]] = ([], [])

    async def read(side: int, pause: list[bool]) -> None:
        async for item in copies[side]:
            got[side].append(item)
            if pause and pause.pop():
                await asyncio.sleep(0)

    await asyncio.gather(read(0, list(order)), read(1, [not flag for flag in order]))
    assert got == (list(range(count)), list(range(count)))
