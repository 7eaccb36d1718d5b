"""``SQLStore``: runs in SQLite or PostgreSQL, as events and as tables made of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, get_args

from sqlalchemy import Connection

from lamella.errors import AgentInputError, ConfigError, StoreError
from lamella.events import RunStreamEvent
from lamella.serial.stored import RawPolicy, check_raw_policy
from lamella.specs import RunSummary
from lamella_sql._encoding import Encoded, encode
from lamella_sql._engines import Options, connections_of
from lamella_sql._failures import CAUGHT, is_passing, store_error
from lamella_sql._heartbeat import Heartbeat
from lamella_sql._owner import this_owner
from lamella_sql._reading import find_run, read_events, run_ids, summaries
from lamella_sql._rebuilding import rebuild_run
from lamella_sql._schema import is_current, migrate
from lamella_sql._url import place_of
from lamella_sql._writing import Writer
from lamella_sql.settings import DEFAULT_TIMEOUT, DEFAULT_URL, Durability

__all__ = ["SQLStore"]

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_FIRST_WAIT: Final = 0.05
_LONGEST_WAIT: Final = 1.0


class SQLStore:
    """A sink that stores runs in a database, and a run store that reads them back.

    Each batch is one transaction: when ``write`` returns, the events and the rows that follow from them are in
    the database. The tables are made, and brought up to date, when the store is opened first. One store may
    serve any number of runs, of several event loops at once; several processes may use one database.

    :param url: a SQLite file (a relative path is below the root of the current project), ``sqlite:///…``,
        ``postgresql://…``, or a reference to a URL such as ``{"env": "DATABASE_URL"}``.
    :param password: the password of the database's user, where the URL has none.
    :param raw: what is kept of the providers' own payloads: ``"full"``, ``"redacted"`` or ``"dropped"``.
    :param deltas: whether ``*.delta`` events are stored too (without the providers' payloads).
    :param durability: ``"normal"``: a batch outlives the process; ``"full"``: and a power cut. This is SQLite's
        ``synchronous``; PostgreSQL does what its server is set to, with ``"full"`` always the latter.
    :param timeout: seconds to wait for a lock, or for a server that is away, before a write fails.
    :param pool_size: connections kept open at most, for each event loop.
    :raises ConfigError: the URL or an option is none, or a driver is not installed.
    """

    def __init__(
        self,
        url: str | Path | Mapping[str, str] = DEFAULT_URL,
        *,
        password: str | None = None,
        raw: RawPolicy = "full",
        deltas: bool = True,
        durability: Durability = "normal",
        timeout: float = DEFAULT_TIMEOUT,
        pool_size: int = 5,
    ) -> None:
        if durability not in get_args(Durability):
            raise ConfigError(f"SQLStore: durability must be 'normal' or 'full', got {durability!r}")
        if timeout <= 0 or pool_size < 1:
            raise ConfigError(
                f"SQLStore: timeout must be above 0 and pool_size at least 1, got {timeout}, {pool_size}"
            )
        self.raw: RawPolicy = check_raw_policy(raw, "SQLStore")
        self.deltas = deltas
        self.durability: Durability = durability
        self.timeout = timeout
        self._place = place_of(url, password)
        self._options = Options(durability=durability, timeout=timeout, pool_size=pool_size)
        self._connections = connections_of(self._place, self._options)
        self._writer = Writer(self._place, this_owner())
        self._beats = Heartbeat(self._beat)
        self._ready = False

    @property
    def url(self) -> str:
        """Where the runs are, without a password."""
        return self._place.shown

    def __repr__(self) -> str:
        return (
            f"SQLStore({self.url!r}, raw={self.raw!r}, deltas={self.deltas}, durability={self.durability!r})"
        )

    # -- the sink ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Get ready for a run: connect, and bring the tables up to date.

        :raises StoreError: the database cannot be used, or is of a newer release.
        """
        self._connections.take()
        try:
            await self._prepare()
        except BaseException:
            await self._connections.give_back()
            raise
        self._beats.start()

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Store events; on return they are in the database. Those that are there already are passed over.

        :raises StoreError: nothing of the batch is stored; the code says why.
        """
        runs: dict[str, list[RunStreamEvent]] = {}
        for envelope in batch:
            if self.deltas or envelope.event.durable:
                runs.setdefault(envelope.run_id, []).append(envelope)
        if not runs:
            return
        if self._place.file is None:
            encoded = await asyncio.to_thread(_encode, runs, self.raw)
            work = partial(self._write, encoded)
        else:  # all of it on the thread of the transaction
            work = partial(_encode_and, self._write, runs, self.raw)
        await self._do(work, "writing", tuple(sorted(runs)))

    async def close(self) -> None:
        """A run ended. With the last one all connections are closed, and what has not ended counts as interrupted."""
        last = await self._beats.stop()
        try:
            if last:
                await self._release()
        finally:
            await self._connections.give_back()

    async def aclose(self) -> None:
        """Close all connections at once, whatever runs are open."""
        await self._beats.stop_all()
        await self._release()
        await self._connections.close()

    def _write(self, runs: Mapping[str, Sequence[Encoded]], connection: Connection) -> None:
        self._writer.write(connection, runs)

    async def _release(self) -> None:
        """Whoever goes on with the runs that are left need not wait for this process to end."""
        if left := self._writer.open_runs():
            await self._do(self._writer.release, "closing", left)

    # -- the store --------------------------------------------------------------------------------

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        """The events of a run, oldest first. A beginning of the id is enough where only one run has it.

        Events and fields of a newer release survive.

        :raises AgentInputError: no run, or more than one, has this id.
        :raises StoreError: the database cannot be read.
        """

        def read(connection: Connection) -> list[RunStreamEvent]:
            return read_events(connection, find_run(connection, run_id, self._place), self._place)

        if self._is_missing():
            raise AgentInputError(f"no run {run_id!r} in {self.url}; nothing is stored there")
        return await self._do(read, "reading", (run_id,), writes=False)

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        """The stored runs, newest first.

        :raises StoreError: the database cannot be read.
        """
        if self._is_missing():
            return []
        return await self._do(partial(summaries, limit=limit), "reading", writes=False)

    async def claim(self, run_id: str, *, force: bool = False) -> None:
        """Take over an interrupted run: what follows is written by this store.

        :param force: although another process seems to be writing it, whose writes fail from now on.
        :raises AgentInputError: there is no such run.
        :raises StoreError: another process is writing it (``store.conflict``).
        """

        def claim(connection: Connection) -> None:
            self._writer.claim(connection, find_run(connection, run_id, self._place), force=force)

        if self._is_missing():
            raise AgentInputError(f"no run {run_id!r} in {self.url}; nothing is stored there")
        await self._do(claim, "claiming", (run_id,))

    async def rebuild(self, run_id: str | None = None) -> int:
        """Make the derived tables anew from the stored events, of one run or of all; return of how many runs.

        :raises AgentInputError: no run, or more than one, has this id.
        :raises StoreError: the database cannot be used, or the events of a run cannot be read.
        """

        def wanted(connection: Connection) -> list[str]:
            if run_id is None:
                return run_ids(connection)
            return [find_run(connection, run_id, self._place)]

        found = await self._do(wanted, "reading", writes=False)
        for each in found:
            await self._do(partial(rebuild_run, run_id=each, place=self._place), "rebuilding", (each,))
        return len(found)

    def _is_missing(self) -> bool:
        """Whether nothing was ever stored: reading makes no file."""
        return self._place.file is not None and not self._place.file.exists()

    # -- connections ------------------------------------------------------------------------------

    async def _do(
        self,
        work: Callable[[Connection], _T],
        doing: str,
        run_ids: tuple[str, ...] = (),
        *,
        writes: bool = True,
    ) -> _T:
        """Do it in one transaction, with the tables up to date."""
        self._connections.take()
        try:
            if not self._ready:
                await self._prepare()
            return await self._persist(lambda: self._connections.run(work, writes=writes), doing, run_ids)
        finally:
            await self._connections.give_back()

    async def _prepare(self) -> None:
        """Look at the tables; make them, or bring them up to date, where they are not those of this release."""
        file = self._place.file

        async def prepare() -> None:
            if file is not None:
                await asyncio.to_thread(_make_folder, file.parent)
            look = partial(is_current, place=self._place)
            if not await self._connections.run(look, writes=False):
                await migrate(self._place, self._options)

        await self._persist(prepare, "opening")
        self._ready = True

    async def _persist(
        self, attempt: Callable[[], Awaitable[_T]], doing: str, run_ids: tuple[str, ...] = ()
    ) -> _T:
        """Do it; while a server is away, again until ``timeout`` is over."""
        loop = asyncio.get_running_loop()
        deadline, wait = loop.time() + self.timeout, _FIRST_WAIT
        while True:
            try:
                return await attempt()
            except CAUGHT as error:
                if not is_passing(error, self._place) or loop.time() + wait > deadline:
                    raise store_error(error, self._place, doing, run_ids) from error
                said = logging.WARNING if wait == _FIRST_WAIT else logging.DEBUG  # once is enough
                _log.log(said, "%s: %s failed and is tried again: %s", self.url, doing, type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _beat(self) -> None:
        if self._writer.owned:
            try:
                await self._connections.run(self._writer.beat, writes=True)
            except (*CAUGHT, StoreError) as error:  # the next write says it aloud
                _log.warning("%s: no heartbeat: %s", self.url, type(error).__name__)


def _encode(runs: Mapping[str, Sequence[RunStreamEvent]], raw: RawPolicy) -> dict[str, list[Encoded]]:
    return {run_id: encode(envelopes, raw) for run_id, envelopes in runs.items()}


def _encode_and(
    write: Callable[[Mapping[str, Sequence[Encoded]], Connection], None],
    runs: Mapping[str, Sequence[RunStreamEvent]],
    raw: RawPolicy,
    connection: Connection,
) -> None:
    write(_encode(runs, raw), connection)


def _make_folder(folder: Path) -> None:
    """Make the folder; below a fresh ``.lamella`` git is told to leave what is stored alone."""
    fresh = folder.name == ".lamella" and not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
