"""Sends what is held at the end of a run, without keeping the run."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from lamella_otel.health import Health

__all__ = ["Flusher"]

_SECONDS: Final = 1.0


class Flusher:
    """A thread that flushes. Runs that end at the same time share a flush."""

    def __init__(self, flush: Callable[[], None], health: Health) -> None:
        self._flush = flush
        self._health = health
        self._asked: queue.SimpleQueue[Future[None]] = queue.SimpleQueue()
        self._waiting: set[Future[None]] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._late = False
        health.when_down = self._release

    async def flush(self) -> None:
        """Ask for a flush and wait for it: a second at most, and not while nothing arrives."""
        done: Future[None] = Future()
        keeps = not (self._health.down or self._late)
        if keeps:
            with self._lock:
                self._waiting.add(done)
        self._asked.put(done)
        self._start()
        if keeps:
            waiting = asyncio.wrap_future(done)
            await asyncio.wait({waiting}, timeout=_SECONDS)
            if not waiting.done():
                waiting.cancel()
                self._late = True

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="lamella-otel-flush", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            asked = {self._asked.get()}
            while not self._asked.empty():
                asked.add(self._asked.get())
            self._flush()
            self._late = False
            self._release(asked)

    def _release(self, which: set[Future[None]] | None = None) -> None:
        """Let those go on that wait: for ``which`` are done, or, with the collector down, all."""
        with self._lock:
            released = set(self._waiting) if which is None else self._waiting & which
            self._waiting -= released
        for done in released:
            if done.set_running_or_notify_cancel():
                done.set_result(None)
