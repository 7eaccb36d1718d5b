"""Connections. SQLite's are used on threads and belong to nobody; PostgreSQL's belong to the event loop that made them.

Work is a function of a ``Connection`` of SQLAlchemy: of SQLite it runs on a thread, whole, since each statement
of its own would be a trip to that thread and back; of PostgreSQL it runs on the loop, and lets others run while
it waits for the server.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from lamella.errors import ErrorCode, StoreError
from lamella_sql._url import Place
from lamella_sql.settings import Durability

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["Connections", "Files", "Options", "Servers", "connections_of", "file_engine", "server_engine"]

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Options:
    """How connections are made."""

    durability: Durability
    timeout: float
    pool_size: int


class Connections(Protocol):
    """The connections of a store. ``take`` and ``give_back`` say how long they are kept open."""

    def take(self) -> None:
        """Somebody on the running event loop uses them."""

    async def give_back(self) -> None:
        """And no longer does; the last one closes them."""

    async def run(self, work: Callable[[Connection], _T], *, writes: bool) -> _T:
        """Do ``work`` in one transaction. It may commit itself, where it has to know that."""

    async def close(self) -> None:
        """Close them all, whoever uses them."""


def connections_of(place: Place, options: Options) -> Connections:
    """The connections to a database."""
    return Servers(place, options) if place.file is None else Files(place, options)


# -- SQLite ---------------------------------------------------------------------------------------


class Files:
    """Connections to a SQLite file, shared by all event loops."""

    def __init__(self, place: Place, options: Options) -> None:
        self._place = place
        self._options = options
        self._engine: Engine | None = None
        self._users = 0
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # SQLite has one writer: those of this store wait here, in order

    def take(self) -> None:
        with self._lock:
            self._users += 1
            if self._engine is None:
                self._engine = file_engine(self._place, self._options)

    async def give_back(self) -> None:
        with self._lock:
            self._users = max(0, self._users - 1)
            last, engine = self._users == 0, self._engine
            if last:
                self._engine = None
        if last and engine is not None:
            await asyncio.to_thread(engine.dispose)

    async def close(self) -> None:
        with self._lock:
            engine, self._engine, self._users = self._engine, None, 0
        if engine is not None:
            await asyncio.to_thread(engine.dispose)

    async def run(self, work: Callable[[Connection], _T], *, writes: bool) -> _T:
        engine = self._engine
        assert engine is not None, "take() comes first"
        return await asyncio.to_thread(self._write if writes else _run, engine, work)

    def _write(self, engine: Engine, work: Callable[[Connection], _T]) -> _T:
        if not self._turn.acquire(timeout=self._options.timeout):
            raise StoreError(
                f"{self._place.shown}: the writes before this one took longer than timeout "
                f"({self._options.timeout:g} s); raise timeout, or write less at once",
                error_code=ErrorCode.STORE_UNAVAILABLE,
                context={"store": "sql", "url": self._place.shown},
                retryable=True,
            )
        try:
            return _run(engine.execution_options(lamella_writes=True), work)
        finally:
            self._turn.release()


def _run(engine: Engine, work: Callable[[Connection], _T]) -> _T:
    with engine.connect() as connection:
        result = work(connection)
        connection.commit()
        return result


def file_engine(place: Place, options: Options, *, once: bool = False) -> Engine:
    """An engine for a SQLite file; with ``once`` each connection is closed after its use."""
    pool: dict[str, Any] = {"poolclass": NullPool}
    if not once:
        pool = {"poolclass": QueuePool, "pool_size": options.pool_size, "pool_timeout": options.timeout}
    arguments = {"timeout": options.timeout, "check_same_thread": False}
    engine = create_engine(place.url, connect_args=arguments, hide_parameters=True, **pool)
    synchronous = "FULL" if options.durability == "full" else "NORMAL"

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = None  # sqlite3 begins no transactions of its own; "begin" below does
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages of 4 KiB: fewer waits for the disk

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes cannot wait for another writer; this one waits at once.
        writes = connection.get_execution_options().get("lamella_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


# -- PostgreSQL -----------------------------------------------------------------------------------


@attrs.define(eq=False)
class _Seat:
    """The engine of one event loop, and how many use it."""

    engine: AsyncEngine
    users: int = 0


class Servers:
    """Connections to a PostgreSQL server: a pool for each event loop, closed when that loop needs none."""

    def __init__(self, place: Place, options: Options) -> None:
        self._place = place
        self._options = options
        self._seats: dict[asyncio.AbstractEventLoop, _Seat] = {}
        self._lock = threading.Lock()  # loops run in several threads

    def take(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            for gone in [known for known in self._seats if known.is_closed()]:
                self._seats.pop(gone).engine.sync_engine.dispose(close=False)
            seat = self._seats.get(loop)
            if seat is None:
                seat = self._seats[loop] = _Seat(server_engine(self._place, self._options))
            seat.users += 1

    async def give_back(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            seat = self._seats.get(loop)
            if seat is None:
                return
            seat.users -= 1
            if seat.users > 0:
                return
            del self._seats[loop]
        await seat.engine.dispose()

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        with self._lock:
            seats, self._seats = self._seats, {}
        for loop, seat in seats.items():
            if loop is here:
                await seat.engine.dispose()
            elif loop.is_running():
                disposed = asyncio.run_coroutine_threadsafe(seat.engine.dispose(), loop)
                await asyncio.wrap_future(disposed)

    async def run(self, work: Callable[[Connection], _T], *, writes: bool) -> _T:
        seat = self._seats[asyncio.get_running_loop()]
        async with seat.engine.connect() as connection:
            result = await connection.run_sync(work)
            await connection.commit()
            return result


def server_engine(place: Place, options: Options, *, once: bool = False) -> AsyncEngine:
    """An engine for a PostgreSQL server; with ``once`` each connection is closed after its use."""
    from sqlalchemy.ext.asyncio import create_async_engine

    pool: dict[str, Any] = {"poolclass": NullPool}
    if not once:
        pool = {"pool_size": options.pool_size, "pool_timeout": options.timeout, "pool_pre_ping": True}
    settings = {"application_name": "lamella", "lock_timeout": str(max(1, int(options.timeout * 1000)))}
    if options.durability == "full":
        settings["synchronous_commit"] = "on"
    arguments = {
        "timeout": options.timeout,
        "command_timeout": options.timeout,
        "server_settings": settings,
    }
    return create_async_engine(place.url, connect_args=arguments, hide_parameters=True, **pool)
