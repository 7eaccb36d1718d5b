"""What an author of a sink or run store gives, and how the kit writes runs: the ground of its tests."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from lamella.errors import LamellaError, StoreError
from lamella.events import RunStreamEvent
from lamella.specs import ClaimingStore, RunStore, Sink
from lamella_testing.project import empty_project
from lamella_testing.sinks.elsewhere import Elsewhere, Recipe
from lamella_testing.verdict import fail, require, run, skip

__all__ = ["SinkBase"]

T = TypeVar("T")


class SinkBase:
    """Hooks for the author of a sink: :meth:`make_sink` must be written; for a run store :meth:`recipe`, too."""

    plugin: ClassVar[str | types.ModuleType | None] = None
    """The name of the entry point in ``lamella.sinks``, or the plugin module itself where it is not installed."""

    settings: ClassVar[Mapping[str, Any] | None] = None
    """What a table ``[sink.NAME]`` sets; secrets as they are."""

    secret: ClassVar[str | None] = None
    """The key or password in the settings, which must be seen nowhere."""

    prints: ClassVar[bool] = False
    """Whether it writes to standard output: that is what it is for."""

    prefixes: ClassVar[bool] = True
    """Whether ``load`` of a run store takes the beginning of an id that only one run has."""

    many: ClassVar[int] = 1000
    """How many runs the list of a run store is tried with."""

    kills: ClassVar[int] = 10
    """How often a process that writes is killed."""

    patience: ClassVar[float] = 10.0
    """Seconds for an opening, a batch, a closing, a reading."""

    folder: Path
    """An empty folder, anew for each test: the place for what the sink writes."""

    def make_sink(self) -> Sink:
        """A sink on an empty storage; called once in a test, so that ``self.folder`` is the place for it."""
        fail(f"write {type(self).__name__}.make_sink(self): return a sink of yours")

    def recipe(self) -> Recipe | None:
        """What makes a run store on the storage of :meth:`make_sink`, also in another process.

        A callable that can be pickled: ``functools.partial(AcmeStore, self.folder)``. ``None`` where the runs cannot
        be read again.
        """
        return None

    def make_store(self) -> RunStore | None:
        """The storage of :meth:`make_sink`, opened again by another object. By default :meth:`recipe` makes it."""
        recipe = self.recipe()
        return None if recipe is None else recipe()

    def break_storage(self) -> bool:
        """Make it impossible to write to the storage of :meth:`make_sink`; ``False`` when there is no way to.

        It is called before a sink is opened, or while it is open.
        """
        return False

    # -- what pytest does with it -------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _in_an_empty_project(self, tmp_path: Path) -> Iterator[None]:
        """No key, no configuration and no proxy but what the author gives, and an empty folder."""
        patch = pytest.MonkeyPatch()
        self.folder = tmp_path / "storage"
        self.folder.mkdir()
        with empty_project(tmp_path, patch):
            yield

    # -- the sink -----------------------------------------------------------------------------------

    def play(self, test: Callable[[], Awaitable[T]]) -> T:
        """Run the asynchronous part of a test, which must come to an end."""

        async def bounded() -> T:
            async with asyncio.timeout(6 * self.patience):
                return await test()

        try:
            return run(bounded())
        except TimeoutError:
            fail(
                f"the sink did not come to an end within {6 * self.patience:g} s; bound what it waits for, or set "
                "patience"
            )

    async def patiently(self, awaitable: Awaitable[T], what: str) -> T:
        """Wait no longer than ``patience``; what it raises is told to the author."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.patience) as deadline:
                found = await awaitable
        except Exception as error:
            if deadline.expired():
                fail(
                    f"{what} takes longer than {self.patience:g} s; bound what it waits for, or set patience"
                )
            fail(f"{what} raises {_said(error)}; mend that")
        require(
            time.monotonic() - began <= self.patience,  # what blocks the loop is not interrupted
            f"{what} takes longer than {self.patience:g} s, and nothing else runs meanwhile; make it quicker, or work in "
            "a thread",
        )
        return found

    async def give(
        self, sink: Sink, events: Sequence[RunStreamEvent], *, size: int = 256, what: str = "a run"
    ) -> None:
        """One run, as the core gives it: open, batches, close."""
        await self.patiently(sink.open(), f"open() for {what}")
        try:
            for start in range(0, len(events), size):
                await self.patiently(sink.write(events[start : start + size]), f"write() of {what}")
        finally:
            await self.patiently(sink.close(), f"close() after {what}")

    @asynccontextmanager
    async def opened(self, what: str = "a run") -> AsyncIterator[Sink]:
        """A sink that is open, and closed afterwards."""
        sink = self.make_sink()
        await self.patiently(sink.open(), f"open() for {what}")
        try:
            yield sink
        finally:
            await self.patiently(sink.close(), f"close() after {what}")

    # -- the store ----------------------------------------------------------------------------------

    def store(self) -> RunStore:
        """A run store on an empty storage; skips the test where the sink is none."""
        sink = self.make_sink()
        if not isinstance(sink, RunStore):
            skip("the sink is no run store: it has no load() and list()")
        return sink

    def claiming(self) -> ClaimingStore:
        """A store that knows who writes a run; skips the test where it does not."""
        store = self.store()
        if not isinstance(store, ClaimingStore):
            skip("the store has no claim(): it does not know whether a run is still being written")
        return store

    def again(self) -> RunStore:
        """The storage, opened by another object; skips the test where there is no way to."""
        store = self.make_store()
        if store is None:
            skip("write recipe(): functools.partial(YourStore, self.folder) opens the storage again")
        require(
            isinstance(store, RunStore),
            f"recipe() makes a {type(store).__name__}, no RunStore; give it load() and list()",
        )
        return store

    @contextmanager
    def elsewhere(self) -> Iterator[Elsewhere]:
        """Another process with the store in it; skips the test where there is no recipe."""
        recipe = self.recipe()
        if recipe is None:
            skip(
                "write recipe(): functools.partial(YourStore, self.folder) opens the storage in another process"
            )
        process = Elsewhere(recipe)
        try:
            yield process
        finally:
            process.kill()

    async def loaded(self, store: RunStore, run_id: str, what: str = "a run") -> list[RunStreamEvent]:
        """The events of a run."""
        found: Any = await self.patiently(store.load(run_id), f"load() of {what}")
        require(
            isinstance(found, Sequence) and all(isinstance(each, RunStreamEvent) for each in found),
            f"load() of {what} returns {type(found).__name__}; return a list of RunStreamEvent "
            "(lamella.serial.restore makes them)",
        )
        return list(found)

    async def refused(
        self, awaitable: Awaitable[Any], kind: type[LamellaError], what: str, remedy: str
    ) -> LamellaError:
        """The error that something must raise, soon and in words."""
        raised: Exception | None = None
        try:
            async with asyncio.timeout(self.patience) as deadline:
                await awaitable
        except Exception as error:
            raised = error
        if deadline.expired():
            fail(f"{what} takes longer than {self.patience:g} s; bound what it waits for, or set patience")
        if not isinstance(raised, kind):
            fail(f"{what} raises {'nothing' if raised is None else _said(raised)}; {remedy}")
        require(
            len(raised.message) > 20,
            f"{what}: the error says only {raised.message!r}; say what happened, where, and what to do",
        )
        return raised

    def named(self, sink: object, error: LamellaError) -> bool:
        """Whether an error says whose it is, or where it happened."""
        said = f"{error.message} {dict(error.context)}".lower()
        plugin = self.plugin if isinstance(self.plugin, str) else None
        names = (type(sink).__name__, plugin, str(self.folder))
        return any(name and name.lower() in said for name in names)

    def typed(self) -> tuple[type[LamellaError], str]:
        """What a sink that cannot write raises, and how that is said."""
        if isinstance(self.make_sink(), RunStore):
            return (
                StoreError,
                "raise StoreError(…, error_code=ErrorCode.STORE_…) with what happened and what to do",
            )
        return (
            LamellaError,
            "raise a LamellaError (AgentExecutionError, StoreError) with what happened and what to do",
        )


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error!s:.500}"
