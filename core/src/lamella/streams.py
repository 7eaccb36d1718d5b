"""Combinators of asynchronous streams.

Every stream returned here is an async iterator with ``aclose()``, which closes its source too; use it
with :func:`contextlib.aclosing` where iteration may stop early.
"""

from __future__ import annotations

import abc
import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Generic, Self, TypeVar

from lamella.errors import AgentExecutionError, AgentInputError, ErrorCode

__all__ = ["Stream", "adup", "aenumerate", "apeek", "fake_async", "prefix_stream"]

T = TypeVar("T")


class Stream(AsyncIterator[T]):
    """An async iterator that can be closed before its end."""

    def __aiter__(self) -> Self:
        return self

    @abc.abstractmethod
    async def __anext__(self) -> T:
        """The next item; ``StopAsyncIteration`` at the end."""

    async def aclose(self) -> None:
        """Stop: close the source and give no more items. Closing twice is harmless."""


def _require_count(what: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise AgentInputError(f"{what} must be an int of {least} or more, got {value!r}")


async def _close(source: object) -> None:
    if (close := getattr(source, "aclose", None)) is not None:
        await close()


class _FakeAsync(Stream[T]):
    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)

    async def __anext__(self) -> T:
        for item in self._items:
            return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if (close := getattr(self._items, "close", None)) is not None:
            close()
        self._items = iter(())


class _Enumerated(Stream[tuple[int, T]]):
    def __init__(self, source: AsyncIterable[T], start: int) -> None:
        self._source = aiter(source)
        self._next = start

    async def __anext__(self) -> tuple[int, T]:
        item = await anext(self._source)
        self._next += 1
        return self._next - 1, item

    async def aclose(self) -> None:
        await _close(self._source)
        self._source = _FakeAsync(())


class _Prefixed(Stream[T]):
    def __init__(self, prefix: Iterable[T], source: AsyncIterable[T]) -> None:
        self._prefix = deque(prefix)
        self._source = aiter(source)

    async def __anext__(self) -> T:
        return self._prefix.popleft() if self._prefix else await anext(self._source)

    async def aclose(self) -> None:
        self._prefix.clear()
        await _close(self._source)
        self._source = _FakeAsync(())


def fake_async(iterable: Iterable[T]) -> Stream[T]:
    """The items of a plain iterable as an async stream."""
    return _FakeAsync(iterable)


def aenumerate(src: AsyncIterable[T], start: int = 0) -> Stream[tuple[int, T]]:
    """``enumerate`` for async streams: pairs of a count and an item."""
    return _Enumerated(src, start)


def prefix_stream(items: Iterable[T], src: AsyncIterable[T]) -> Stream[T]:
    """The ``items``, then the stream."""
    return _Prefixed(items, src)


async def apeek(src: AsyncIterable[T], n: int = 1) -> tuple[list[T], Stream[T]]:
    """Look at the first ``n`` items: a list of them, and the whole stream with them in it.

    When this raises, the source is closed.

    :raises AgentInputError: (a ``ValueError``) ``n`` is no int or is negative, or there are fewer items.
    """
    _require_count("apeek: n", n, 0)
    source = aiter(src)
    first: list[T] = []
    try:
        while len(first) < n:
            first.append(await anext(source))
    except StopAsyncIteration:
        raise AgentInputError(f"apeek: the stream has {len(first)} items, {n} were asked for") from None
    except BaseException:
        await _close(source)
        raise
    return first, prefix_stream(first, source)


def adup(src: AsyncIterable[T], maxsize: int = 1024) -> tuple[Stream[T], Stream[T]]:
    """Two full copies of one stream, to be read at the same time by different tasks.

    Items are read when a copy asks for one. A copy that is ``maxsize`` items ahead waits for the
    other, so read both concurrently, or give a ``maxsize`` that the stream cannot exceed, or close the
    copy that is not needed: a closed (or garbage-collected) copy holds nobody up. Each copy raises the
    source's error once, after all items before it, and is empty then. The source is closed when both
    copies are, or when it ends; cancelling the reader of one copy leaves the other whole.

    :raises AgentInputError: (a ``ValueError``) ``maxsize`` is no int or is below 1.
    """
    _require_count("adup: maxsize", maxsize, 1)
    fan = _Fan(src, maxsize)
    return _Copy(fan, _Side()), _Copy(fan, _Side())


class _Side(Generic[T]):
    """What one copy has not read yet."""

    def __init__(self) -> None:
        self.items: deque[T] = deque()
        self.asking = False
        self.fault: BaseException | None = None


class _Fan(Generic[T]):
    """Reads the source in a task of its own, so that a cancelled reader does not cancel the source."""

    def __init__(self, source: AsyncIterable[T], maxsize: int) -> None:
        self._source = aiter(source)
        self._maxsize = maxsize
        self._sides: list[_Side[T]] = []
        self._ended = False
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def join(self, side: _Side[T]) -> None:
        self._sides.append(side)

    def leave(self, side: _Side[T]) -> None:
        if side in self._sides:
            self._sides.remove(side)
            self._change()

    def leave_unread(self, side: _Side[T]) -> None:
        """A copy was garbage-collected."""
        self.leave(side)
        if not self._sides and self._task is not None and not self._task.get_loop().is_closed():
            self._task.cancel()

    async def next(self, side: _Side[T]) -> T:
        if not side.items and not self._ended and side in self._sides:
            await self._wait_for_item(side)
        if side.items:
            item = side.items.popleft()
            self._change()
            return item
        if side.fault is not None:
            fault, side.fault = side.fault, None
            raise fault
        raise StopAsyncIteration

    async def _wait_for_item(self, side: _Side[T]) -> None:
        side.asking = True
        self._change()
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        try:
            while not side.items and not self._ended and side in self._sides:
                await self._changed.wait()
        finally:
            side.asking = False

    async def close(self, side: _Side[T]) -> None:
        self.leave(side)
        side.items.clear()
        side.fault = None
        if self._sides:
            return
        if self._task is None:
            await _close(self._source)
        elif not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _read(self) -> None:
        fault: BaseException | None = None
        try:
            async for item in self._source:
                while any(len(side.items) >= self._maxsize for side in self._sides):
                    await self._changed.wait()
                for side in self._sides:
                    side.items.append(item)
                self._change()
                while not any(side.asking and not side.items for side in self._sides):
                    await self._changed.wait()
        except asyncio.CancelledError:
            fault = AgentExecutionError(
                "the source of a copied stream was cancelled", error_code=ErrorCode.CANCELLED
            )
            raise
        except Exception as error:
            fault = error
        finally:
            self._end(fault)
            await _close(self._source)

    def _end(self, fault: BaseException | None) -> None:
        self._ended = True
        for side in self._sides:
            side.fault = fault
        self._change()

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class _Copy(Stream[T]):
    def __init__(self, fan: _Fan[T], side: _Side[T]) -> None:
        self._fan, self._side = fan, side
        fan.join(side)
        weakref.finalize(self, fan.leave_unread, side).atexit = False

    async def __anext__(self) -> T:
        return await self._fan.next(self._side)

    async def aclose(self) -> None:
        await self._fan.close(self._side)
