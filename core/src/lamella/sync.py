"""The one synchronous facade: a background event loop that runs the async implementation.

It also works where a loop is already running (a notebook): the call blocks that loop until it is
done, as any synchronous call would. One loop serves the whole process, so that a model's
connections are reused between calls.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar

from lamella.errors import AgentExecutionError

__all__ = ["iterate", "run"]

T = TypeVar("T")

_PREFETCH: Final = 64
"""Items that may wait between the loop and a synchronous consumer."""

_CLEANUP_SECONDS: Final = 10.0
"""How long an interrupted call may take to close its connections and sinks."""


class _Portal:
    """The loop and its thread; started by the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="lamella-sync", daemon=True
                )
                self._thread.start()
            if threading.current_thread() is self._thread:
                raise AgentExecutionError(
                    "a synchronous call was made inside the loop that would have to serve it; "
                    "use the async method (arun, astream, complete) in async tools and agents"
                )
            return self._loop

    def stop(self) -> None:
        """Cancel what is running and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or not thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(_CLEANUP_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLEANUP_SECONDS)
        if not thread.is_alive():
            loop.close()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped. ``SystemExit`` in a task ends ``run_forever``, after the task has got it:
    it is raised where the task is waited for, and the loop goes on for the others."""
    while True:
        try:
            return loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            continue


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


_portal = _Portal()
atexit.register(_portal.stop)


class _Job(Generic[T]):
    """A coroutine running on the loop, in the caller's context; ``wait`` and ``cancel`` from outside."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._done = threading.Event()
        self._task: asyncio.Task[T] | None = None
        try:
            self._loop = _portal.loop()
        except AgentExecutionError:
            coroutine.close()
            raise
        self._loop.call_soon_threadsafe(self._start, contextvars.copy_context())

    def _start(self, context: contextvars.Context) -> None:
        self._task = self._loop.create_task(self._coroutine, context=context)
        self._task.add_done_callback(lambda _: self._done.set())

    def wait(self) -> T:
        """The result; an interrupt cancels the work, waits for its clean-up and goes on."""
        try:
            self._done.wait()
        except BaseException:
            self.cancel()
            raise
        assert self._task is not None
        return self._task.result()

    def cancel(self) -> None:
        """Cancel, and wait until it has cleaned up."""

        def cancel_task() -> None:
            if self._task is not None:
                self._task.cancel()

        self._loop.call_soon_threadsafe(cancel_task)
        self._done.wait(_CLEANUP_SECONDS)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result.

    :raises AgentExecutionError: called on the facade's own loop, where it would wait for itself.
    """
    return _Job(coroutine).wait()


class _Credits:
    """How many items the producer may still make; changed on the loop only."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._room = asyncio.Event()

    async def take(self) -> None:
        while self._count == 0:
            self._room.clear()
            await self._room.wait()
        self._count -= 1

    def give(self, count: int) -> None:
        self._count += count
        self._room.set()


class _End:
    """The last thing in the queue: how the iteration ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


async def _produce(
    make: Callable[[], AsyncIterator[T]], items: queue.SimpleQueue[T | _End], credits: _Credits
) -> None:
    error: BaseException | None = None
    source = make()
    try:
        async for item in source:
            items.put(item)
            await credits.take()
    except BaseException as raised:
        error = raised
        if isinstance(raised, asyncio.CancelledError):
            raise
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
        items.put(_End(error))


def iterate(make: Callable[[], AsyncIterator[T]]) -> Generator[T, None, None]:
    """Iterate an async iterator from synchronous code.

    Items arrive as they are made; at most 64 wait for a slow consumer. Leaving the loop early
    cancels the source and waits until it has closed.
    """
    items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
    credits = _Credits(_PREFETCH)
    job = _Job(_produce(make, items, credits))
    loop = _portal.loop()
    taken = 0
    ended = False
    try:
        while True:
            item = items.get()
            if isinstance(item, _End):
                ended = True
                if item.error is not None:
                    raise item.error
                return
            taken += 1
            if taken == _PREFETCH // 2:
                loop.call_soon_threadsafe(credits.give, taken)
                taken = 0
            yield item
    finally:
        if not ended:
            job.cancel()
