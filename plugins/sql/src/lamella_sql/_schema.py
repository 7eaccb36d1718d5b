"""The database's tables: made and brought up to date when a store is opened, refused when they are newer."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from lamella.errors import ErrorCode, StoreError
from lamella_sql._engines import Options, file_engine, server_engine
from lamella_sql._url import Place

__all__ = ["REVISION", "REVISIONS", "VERSION_TABLE", "is_current", "migrate"]

REVISIONS: Final = ("0001",)
"""The revisions of the tables that this release knows, oldest first."""

REVISION: Final = REVISIONS[-1]
VERSION_TABLE: Final = "lamella_version"

_LOCK_KEY: Final = 0x1A3E11A  # any number, the same for all
_alembic: Final = threading.Lock()  # alembic's context is one for the process


def is_current(connection: Connection, place: Place) -> bool:
    """Whether the tables are those of this release.

    :raises StoreError: they are of a newer release.
    """
    revision = _revision(connection)
    if revision is not None and revision not in REVISIONS:
        raise StoreError(
            f"{place.shown}: its tables are of a newer release (revision {revision}, this one knows up to "
            f"{REVISION}); upgrade: pip install --upgrade lamella-sql",
            error_code=ErrorCode.STORE_FAILED,
            context={"store": "sql", "url": place.shown, "revision": revision},
        )
    return revision == REVISION


def _revision(connection: Connection) -> str | None:
    if connection.dialect.name == "sqlite":
        known = f"SELECT name FROM sqlite_master WHERE name = '{VERSION_TABLE}'"
    else:
        known = f"SELECT to_regclass('{VERSION_TABLE}')::text"
    if connection.exec_driver_sql(known).scalar() is None:
        return None
    found: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return found


async def migrate(place: Place, options: Options) -> None:
    """Bring the tables up to date. Several processes may do so at once: one does it, the others wait."""
    await asyncio.to_thread(_migrate_here, place, options)


def _migrate_here(place: Place, options: Options) -> None:
    with _alembic:
        if place.file is None:
            asyncio.run(_migrate_server(place, options))
            return
        engine = file_engine(place, options, once=True)
        _use_wal(engine, options.timeout)
        with engine.execution_options(lamella_writes=True).begin() as connection:
            _upgrade(connection, place)


async def _migrate_server(place: Place, options: Options) -> None:
    """On a loop of its own: alembic serves one migration of a process at a time, whichever loops wait for it."""
    engine = server_engine(place, options, once=True)
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
            await connection.run_sync(_upgrade, place)
    finally:
        await engine.dispose()


def _use_wal(engine: Engine, timeout: float) -> None:
    """Readers and the writer do not wait for each other. A property of the file; it cannot change in a transaction."""
    raw = engine.raw_connection()
    deadline = time.monotonic() + timeout
    try:
        while True:  # SQLite does not wait for the lock that this needs
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except Exception as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise OperationalError("PRAGMA journal_mode = WAL", None, error) from error
            time.sleep(0.05)
    finally:
        raw.close()


def _upgrade(connection: Connection, place: Place) -> None:
    if is_current(connection, place):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "lamella_sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
