"""Ctrl-C and SIGTERM while a run goes on: one clean cancellation, and no second patience."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType
from typing import Final, Self

from lamella_cli.exits import Exit

__all__ = ["Interrupts"]

_EXITS: Final = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


class Interrupts:
    """While entered, the first signal cancels the current task; the second has its usual effect.

    Where the event loop takes no signal handlers (Windows), Ctrl-C cancels through ``asyncio.run``.
    """

    def __init__(self) -> None:
        self.received: Exit | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._handled: list[signal.Signals] = []
        for number in _EXITS:
            try:
                self._loop.add_signal_handler(number, self._take, number)
            except (NotImplementedError, RuntimeError, ValueError):  # no support, or not the main thread
                continue
            self._handled.append(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def settle(self) -> None:
        """The cancellation was dealt with: the task goes on as if there had been none."""
        if self._task is not None:
            self._task.uncancel()

    def _take(self, number: signal.Signals) -> None:
        self.received = _EXITS[number]
        self._release()
        if self._task is not None:
            self._task.cancel()

    def _release(self) -> None:
        while self._handled:
            self._loop.remove_signal_handler(self._handled.pop())
