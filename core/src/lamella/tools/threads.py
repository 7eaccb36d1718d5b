"""Sync functions off the loop, each in a thread of its own.

Daemon threads, not a pool: a pool's threads are joined when the interpreter exits, so one tool that
never returns would keep the process alive after its timeout. The dispatcher bounds how many run.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(fn: Callable[[], T], name: str) -> T:
    """Run ``fn`` in a thread with the caller's context variables.

    When the awaiting task is cancelled the thread goes on, and its outcome is dropped: Python cannot
    stop a thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(fn)
        except BaseException as error:
            _report(loop, future, None, _holdable(error))
        else:
            _report(loop, future, (result,), None)

    threading.Thread(target=run, name=f"lamella-tool-{name}", daemon=True).start()
    return await future


def _holdable(error: BaseException) -> BaseException:
    """The error itself, or one around what a future cannot hold, what would end the loop (``sys.exit()``)
    and what would look as if the run had been cancelled."""
    if not isinstance(error, StopIteration | SystemExit | GeneratorExit | asyncio.CancelledError):
        return error
    said = f": {error}" if str(error) else ""
    wrapped = RuntimeError(f"the function raised {type(error).__name__}{said}")
    wrapped.__cause__ = error
    return wrapped


def _report(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[T],
    result: tuple[T] | None,
    error: BaseException | None,
) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        elif result is not None:
            future.set_result(result[0])

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop is closed: nobody waits for this outcome any more
