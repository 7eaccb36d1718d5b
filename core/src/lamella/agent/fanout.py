"""Carries a run's events to its sinks: each has a bounded queue and a writer of its own.

A slow sink slows the run (``wait``) or loses deltas (``shed``); durable events are never shed. A
sink that raises is reported by name and left out; it takes neither the run nor the other sinks down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import attrs

from lamella.events import RunStreamEvent
from lamella.specs import Sink

__all__ = ["FanOut", "NamedSink", "SlowSinkPolicy"]

SlowSinkPolicy: TypeAlias = Literal["wait", "shed"]

_log = logging.getLogger(__name__)

_CAPACITY: Final = 1024
_BATCH: Final = 256
_CLOSE_SECONDS: Final = 30.0


@attrs.frozen
class NamedSink:
    """A sink and the name it is reported under."""

    name: str
    sink: Sink


class FanOut:
    """The sinks of one run."""

    def __init__(
        self, sinks: Sequence[NamedSink], *, policy: SlowSinkPolicy = "wait", capacity: int = _CAPACITY
    ) -> None:
        self._lanes = [_Lane(sink, policy, capacity) for sink in sinks]

    def open(self) -> None:
        """Start the writers."""
        for lane in self._lanes:
            lane.start()

    @property
    def idle(self) -> bool:
        """Whether nobody listens."""
        return not self._lanes

    async def put(self, event: RunStreamEvent) -> None:
        """Hand an event to every sink, waiting for room where the policy says so."""
        for lane in self._lanes:
            if lane.full:
                await lane.make_room(event)
            else:
                lane.add(event)

    async def close(self) -> None:
        """Flush and close every sink; one that does not end in 30 s is given up and reported."""
        for lane in self._lanes:
            lane.finish()
        await asyncio.gather(*(lane.wait() for lane in self._lanes))


class _Lane:
    """One sink: its queue and its writer task."""

    def __init__(self, named: NamedSink, policy: SlowSinkPolicy, capacity: int) -> None:
        self._named = named
        self._policy = policy
        self._capacity = capacity
        self._queue: list[RunStreamEvent] = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = False
        self._failed = False
        self._shed = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write(), name=f"lamella sink {self._named.name}")

    @property
    def full(self) -> bool:
        return self._failed or len(self._queue) >= self._capacity

    def add(self, event: RunStreamEvent) -> None:
        self._queue.append(event)
        self._wake.set()

    async def make_room(self, event: RunStreamEvent) -> None:
        if self._failed:
            return
        if self._policy == "shed" and not event.event.durable:
            self._shed += 1
            return
        while len(self._queue) >= self._capacity and not self._failed:
            self._room.clear()
            await self._room.wait()
        if not self._failed:
            self.add(event)

    def finish(self) -> None:
        self._ending = True
        self._wake.set()

    async def wait(self) -> None:
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)
        if not done:
            self._task.cancel()
            _log.error("sink %r did not close within %g s and was given up", self._named.name, _CLOSE_SECONDS)
        if self._shed:
            _log.warning("sink %r was too slow: %d deltas were shed", self._named.name, self._shed)

    async def _write(self) -> None:
        sink = self._named.sink
        try:
            await sink.open()
            try:
                while batch := await self._next():
                    await sink.write(batch)
            finally:
                await sink.close()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            self._failed = True
            _log.warning(
                "sink %r failed and gets no more events of this run: %s: %s",
                self._named.name,
                type(error).__name__,
                error,
                exc_info=_log.isEnabledFor(logging.DEBUG),
            )
        finally:
            self._queue.clear()
            self._room.set()

    async def _next(self) -> list[RunStreamEvent]:
        while not self._queue and not self._ending:
            self._wake.clear()
            await self._wake.wait()
        batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
        self._room.set()
        return batch
