"""``Journal``: a run store that has every event before it is shown, and every tool call before it runs.

Without it a store follows a run; with it the run waits for the store. What the store has acknowledged survives the
death of the process, so that the run can be resumed: nothing is done twice, and nothing that was seen is missing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella.errors import AgentInputError, ErrorCode, LamellaError, StoreError
from lamella.events import Event, RunStreamEvent, ToolStart
from lamella.specs import RunStore

__all__ = ["Intents", "Journal", "JournalLike", "JournalWriter", "as_journal"]

_log = logging.getLogger(__name__)

_CAPACITY: Final = 1024

JournalLike: TypeAlias = "Journal | RunStore | str"
"""A ``Journal``, a run store, or the name of a configured sink that is one."""


def _window(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10:
        raise AgentInputError(f"Journal.window must be a number of seconds from 0 to 10, got {value!r}")


def _size(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _CAPACITY:
        raise AgentInputError(f"Journal.max_batch must be an int from 1 to {_CAPACITY}, got {value!r}")


def _policy(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in ("stop", "continue"):
        raise AgentInputError(f'Journal.on_error must be "stop" or "continue", got {value!r}')


def _a_store(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, RunStore):
        raise AgentInputError(
            f"a journal needs a run store (open, write, close, load, list), got {type(value).__name__}"
        )


@attrs.frozen
class Journal:
    """A store, and how a run waits for it.

    A delta waits at most ``window`` seconds for others, so that fast streams are written in batches of up to
    ``max_batch``; everything else is written at once, with the deltas before it. What an abrupt end of the process
    can lose are therefore events that nobody has seen. What a power cut can lose is the store's affair.

    :param store: where the run is written.
    :param window: seconds that a delta may be held back; 0 waits for nothing but the write before.
    :param max_batch: events in one write.
    :param on_error: a store that fails ends the run with its ``StoreError`` (``"stop"``), or is reported once, and the
        run goes on without a journal (``"continue"``).
    """

    store: RunStore = attrs.field(validator=_a_store)
    window: float = attrs.field(default=0.02, kw_only=True, validator=_window)
    max_batch: int = attrs.field(default=256, kw_only=True, validator=_size)
    on_error: Literal["stop", "continue"] = attrs.field(default="stop", kw_only=True, validator=_policy)


def as_journal(given: JournalLike | Literal[False] | None) -> Journal | str | Literal[False] | None:
    """What an agent keeps of its ``journal``; a name waits for the run, ``False`` means none whatever the project says.

    :raises AgentInputError: something that is no run store.
    """
    return given if given is None or given is False or isinstance(given, Journal | str) else Journal(given)


class Intents:
    """Who waits until the journal has an event: a tool, until its ``tool.start`` is written.

    Events find their waiters by identity: they travel from the tool to the journal as they are.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Event] = {}
        self._passing: set[int] = set()
        self._off = False

    async def announce(self, event: ToolStart, put: Callable[[], Awaitable[None]]) -> None:
        """Put the event into the run, and wait until it is written; not where there is no journal any more."""
        key = id(event)
        waiter = self._waiting[key] = asyncio.Event()
        try:
            await put()
            if not self._off:
                await waiter.wait()
        finally:
            del self._waiting[key]
            self._passing.discard(key)

    def written(self, events: Sequence[RunStreamEvent]) -> None:
        """The journal has these."""
        for envelope in events:
            self._release(envelope.event)

    def passing(self, event: Event) -> None:
        """A functional agent lets the event through."""
        if id(event) in self._waiting:
            self._passing.add(id(event))

    def swallowed(self, event: Event) -> None:
        """Nobody is going to write the event, unless it was let through: its tool need not wait."""
        if id(event) not in self._passing:
            self._release(event)

    def off(self) -> None:
        """There is no journal any more."""
        self._off = True
        for waiter in self._waiting.values():
            waiter.set()

    def _release(self, event: Event) -> None:
        waiter = self._waiting.get(id(event))
        if waiter is not None:
            waiter.set()


class JournalWriter:
    """Writes one run to its journal; the run's events come out of it when they are written."""

    def __init__(self, journal: Journal, name: str, intents: Intents) -> None:
        self._journal = journal
        self._name = name
        self._intents = intents
        self._opened = False
        self._failed = False
        self._last = 0.0

    # -- the stream -------------------------------------------------------------------------------

    async def through(
        self, source: AsyncGenerator[RunStreamEvent, None]
    ) -> AsyncGenerator[RunStreamEvent, None]:
        """The events of ``source``, each when it is written. The source works ahead of what is shown by deltas only.

        :raises StoreError: the store fails, and the journal stops the run.
        """
        pump = _Pump(source, self._journal.max_batch)
        task = asyncio.create_task(pump.run(), name="lamella journal")
        try:
            while batch := await self._gather(pump):
                await self.write(batch)
                for envelope in batch:
                    yield envelope
                    pump.seen()
            pump.raise_error()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _gather(self, pump: _Pump) -> list[RunStreamEvent]:
        """What to write next: waits for something, and with deltas alone for the window to be over."""
        await pump.something()
        if not self._failed:
            while pump.only_deltas:
                left = self._last + self._journal.window - time.monotonic()
                if left <= 0 or not await pump.more(left):
                    break
        return pump.take()

    # -- the store --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the store.

        :raises StoreError: it fails, and the journal stops the run.
        """
        try:
            await self._journal.store.open()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            self._fail(error)
        else:
            self._opened = True

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Write events; on return the store has them, or the journal is off.

        :raises StoreError: the store fails, and the journal stops the run.
        """
        if self._failed:
            return
        try:
            await self._journal.store.write(batch)
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            self._fail(error)
        else:
            self._last = time.monotonic()
            self._intents.written(batch)

    async def close(self) -> None:
        """The run is over."""
        self._intents.off()
        if not self._opened:
            return
        self._opened = False
        try:
            await self._journal.store.close()
        except (Exception, SystemExit) as error:
            if not self._failed:
                _log.warning("journal %r failed to close: %s: %s", self._name, type(error).__name__, error)

    def _fail(self, error: BaseException) -> None:
        self._failed = True
        if self._journal.on_error == "stop":  # and no tool may begin
            raise self._typed(error) from error
        self._intents.off()
        _log.warning(
            "journal %r failed; the run goes on without it and is not stored from here: %s: %s",
            self._name, type(error).__name__, error,
        )  # fmt: skip

    def _typed(self, error: BaseException) -> LamellaError:
        if isinstance(error, LamellaError):
            return error
        return StoreError(
            f"the journal {self._name!r} failed: {type(error).__name__}: {error}",
            error_code=ErrorCode.STORE_FAILED,
            context={"store": self._name},
            cause=error,
        )


class _Pump:
    """Runs the source in a task of its own, so that what it has made can be written while it makes more.

    Behind anything but a delta it waits until that has been seen: a run does not act ahead of who watches it.
    """

    def __init__(self, source: AsyncGenerator[RunStreamEvent, None], ahead: int) -> None:
        self._source = source
        self._ahead = ahead
        self._items: list[RunStreamEvent] = []
        self._made = self._seen = 0
        self._filled = asyncio.Event()
        self._shown = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None

    async def run(self) -> None:
        """Take everything that the source makes."""
        try:
            async with aclosing(self._source) as source:
                async for envelope in source:
                    self._items.append(envelope)
                    self._made += 1
                    self._filled.set()
                    await self._pace(0 if envelope.event.durable else self._ahead)
        except (Exception, SystemExit) as error:  # for who reads; SystemExit would end the loop from here
            self._error = error
        finally:
            self._ended = True
            self._filled.set()

    async def _pace(self, ahead: int) -> None:
        while self._made - self._seen > ahead:
            self._shown.clear()
            await self._shown.wait()

    def raise_error(self) -> None:
        """Raise what the source raised."""
        if self._error is not None:
            raise self._error

    async def something(self) -> None:
        """Wait for an event, or the end."""
        while not self._items and not self._ended:
            self._filled.clear()
            await self._filled.wait()

    async def more(self, seconds: float) -> bool:
        """Wait for another event; whether one came in this time."""
        self._filled.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._filled.wait()
        except TimeoutError:
            return False
        return True

    @property
    def only_deltas(self) -> bool:
        """Whether nothing but deltas waits, and there is room for more."""
        waiting = self._items
        return (
            bool(waiting) and not self._ended and len(waiting) < self._ahead and not waiting[-1].event.durable
        )

    def take(self) -> list[RunStreamEvent]:
        """All that waits."""
        taken, self._items = self._items, []
        return taken

    def seen(self) -> None:
        """An event was shown, and who watches asks for the next one."""
        self._seen += 1
        self._shown.set()
