"""The channel of a run: how a running tool, or an agent used as a tool, puts events into it.

The dispatcher of a turn opens a channel and binds it to the context of each call. ``emit`` (from sync
code, in a worker thread or not) and ``aemit`` (from async code) find it there. The channel is bounded:
who emits faster than the consumer takes waits for room.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import attrs

from lamella.errors import AgentInputError
from lamella.events import Event, ProgressEnd, ProgressStart, ProgressUpdate

__all__ = ["Emitted", "aemit", "emit"]

_Admission: TypeAlias = "asyncio.Future[None] | concurrent.futures.Future[None]"
_PROGRESS: Final = (ProgressStart, ProgressUpdate, ProgressEnd)


@attrs.frozen
class Emitted:
    """An event and where it belongs: ``path`` is relative to the run that dispatches, empty for its own."""

    path: tuple[str, ...]
    event: Event


class Channel:
    """A bounded queue of :class:`Emitted` between the calls of one turn and their run; lives on one loop."""

    def __init__(self, size: int = 64) -> None:
        self._loop = asyncio.get_running_loop()
        self._size = size
        self._items: deque[Emitted] = deque()
        self._waiting: deque[tuple[Emitted, _Admission]] = deque()
        self._filled = asyncio.Event()
        self._ended = False
        self._closed = False

    async def put(self, item: Emitted) -> None:
        """Put an item in, waiting for room."""
        if len(self._items) < self._size and not self._closed:
            self._append(item)
            return
        admission = self._loop.create_future()
        self._offer(item, admission)
        await admission

    def put_blocking(self, item: Emitted) -> None:
        """Put an item in from sync code: waits for room, except on the loop's own thread, which must not wait."""
        if _running_loop() is self._loop:
            self._refuse_closed()
            self._append(item)
            return
        admission: concurrent.futures.Future[None] = concurrent.futures.Future()
        try:
            self._loop.call_soon_threadsafe(self._offer, item, admission)
        except RuntimeError as error:  # the loop is closed: the run is long over
            raise _over() from error
        admission.result()

    async def get(self) -> Emitted | None:
        """The next item, ``None`` when the channel has ended and is empty."""
        while not self._items:
            if self._ended:
                return None
            self._filled.clear()
            await self._filled.wait()
        item = self._items.popleft()
        self._admit()
        return item

    def end(self) -> None:
        """No more items are worth waiting for."""
        self._ended = True
        self._filled.set()

    def close(self) -> None:
        """Nobody reads any more: whoever waits for room, or emits later, gets an error."""
        self._closed = True
        self.end()
        while self._waiting:
            _, admission = self._waiting.popleft()
            if not admission.done():
                admission.set_exception(_over())

    def _offer(self, item: Emitted, admission: _Admission) -> None:
        if self._closed:
            admission.set_exception(_over())
        elif len(self._items) < self._size:
            self._append(item)
            admission.set_result(None)
        else:
            self._waiting.append((item, admission))

    def _admit(self) -> None:
        while self._waiting and len(self._items) < self._size:
            item, admission = self._waiting.popleft()
            if not admission.done():  # a cancelled emitter takes its item back
                self._append(item)
                admission.set_result(None)

    def _append(self, item: Emitted) -> None:
        self._items.append(item)
        self._filled.set()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise _over()


@attrs.define
class CallScope:
    """A call while it runs: what ``emit`` finds in the context.

    ``children`` are the paths that the agents it runs had in a log.
    """

    channel: Channel
    call_id: str
    children: deque[tuple[str, ...]] = attrs.field(factory=deque)
    open: bool = True


current_scope: ContextVar[CallScope | None] = ContextVar("lamella_call_scope", default=None)


def emit(event: Event, *, path: tuple[str, ...] = ()) -> None:
    """Put an event into the run of the current tool call, from sync code.

    Blocks until there is room when called in a worker thread. ``path`` names a nested agent.

    :raises AgentInputError: no tool call of a run is going on here.
    """
    scope = _scope()
    scope.channel.put_blocking(Emitted(path, _marked(event, scope, path)))


async def aemit(event: Event, *, path: tuple[str, ...] = ()) -> None:
    """Put an event into the run of the current tool call, from async code, waiting for room.

    :raises AgentInputError: no tool call of a run is going on here.
    """
    scope = _scope()
    await scope.channel.put(Emitted(path, _marked(event, scope, path)))


def _scope() -> CallScope:
    scope = current_scope.get()
    if scope is None:
        raise AgentInputError(
            "events can be emitted only by a tool while a run calls it; there is no run here"
        )
    if not scope.open:
        raise _over()
    return scope


def _marked(event: Any, scope: CallScope, path: tuple[str, ...]) -> Event:
    """Progress that a tool reports of itself carries the call's id."""
    if not isinstance(event, Event):
        raise AgentInputError(f"only events can be emitted, got {type(event).__name__}")
    if isinstance(event, _PROGRESS) and event.call_id is None and not path:
        return attrs.evolve(event, call_id=scope.call_id)
    return event


def _over() -> AgentInputError:
    return AgentInputError(
        "the tool call is over (finished, timed out or cancelled); it takes no more events"
    )


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
