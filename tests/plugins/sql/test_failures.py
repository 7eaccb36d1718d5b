"""What goes wrong is typed, says what to do, and tells no password."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from lamella.errors import ConfigError, ErrorCode, LamellaError, StoreError
from lamella_sql import SQLStore

from sql_runs import store_run, tool_run


async def refused(doing: Any, code: str, words: str) -> StoreError:
    with pytest.raises(StoreError, match=words) as caught:
        await doing
    assert caught.value.error_code == code
    assert caught.value.context["store"] == "sql"
    assert caught.value.retryable is (code == ErrorCode.STORE_UNAVAILABLE)
    return caught.value


# -- SQLite ---------------------------------------------------------------------------------------


@pytest.fixture
def little_room() -> Iterator[list[int]]:
    """Files may not grow beyond so many pages, as on a full disk."""
    pages: list[int] = [2**30]

    def limit(connection: Any, record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    event.listen(Engine, "connect", limit)
    yield pages
    event.remove(Engine, "connect", limit)


async def test_a_full_disk_is_told_and_room_helps(tmp_path: Path, little_room: list[int]) -> None:
    store, run = SQLStore(tmp_path / "runs.db"), tool_run()
    await store_run(store, run[:3])
    little_room[0] = 30
    big = tool_run("big", prompt="x" * 1_000_000)
    await store.open()
    error = await refused(store.write(big), "store.full", "make room")
    assert error.context["run_id"] == "big"
    await store.close()
    little_room[0] = 2**30
    await store_run(store, big)
    assert list(await store.load("big")) == big
    assert list(await store.load("3f2a9c")) == run[:3]


async def test_a_lock_is_waited_for_and_then_told(tmp_path: Path) -> None:
    store, run = SQLStore(tmp_path / "runs.db", timeout=0.2), tool_run()
    patient = SQLStore(tmp_path / "runs.db", timeout=30)
    await store_run(store, run[:3])
    holder = sqlite3.connect(tmp_path / "runs.db", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    await store.open()
    await refused(store.write(run[3:]), "store.unavailable", "locked.*raise timeout")
    assert list(await store.load("3f2a9c")) == run[:3]  # reading goes on
    await patient.open()
    waiting = asyncio.ensure_future(patient.write(run[3:]))
    threading.Timer(0.2, holder.rollback).start()
    await waiting
    await patient.close()
    await store.write(run[3:])
    await store.close()
    holder.close()
    assert list(await store.load("3f2a9c")) == run


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(b"not a database, whatever its name says " * 50)
    store = SQLStore(path)
    await refused(store.open(), "store.corrupt", "not a database.*move the file away")
    await refused(store.load("x"), "store.corrupt", "not a database")
    await refused(store.list(), "store.corrupt", "not a database")
    assert path.read_bytes().startswith(b"not a database")


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    await refused(SQLStore(tmp_path / "file" / "runs.db").open(), "store.failed", "check the path")
    (tmp_path / "folder").mkdir()
    await refused(SQLStore(tmp_path / "folder").open(), "store.failed", "allow writing")


async def test_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    store = SQLStore(tmp_path / "runs.db")
    await store_run(store, tool_run())

    def forbid(connection: Any, record: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    event.listen(Engine, "connect", forbid)
    try:
        await store.open()
        await refused(store.write(tool_run("new")), "store.failed", "readonly.*allow writing")
        await store.close()
    finally:
        event.remove(Engine, "connect", forbid)


async def test_an_event_that_somebody_spoilt_is_named(tmp_path: Path) -> None:
    store = SQLStore(tmp_path / "runs.db")
    await store_run(store, tool_run())
    file = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    file.execute("UPDATE events SET data = '{' WHERE seq = 3")
    file.close()
    error = await refused(store.load("3f2a9c"), "store.corrupt", "event 3 of run 3f2a9c")
    assert error.context["seq"] == 3


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "://", "sqlite:///file:x"]
)
def test_what_is_no_place_for_runs_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="SQLStore"):
        SQLStore(url)


# -- PostgreSQL -----------------------------------------------------------------------------------


def test_a_missing_driver_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "asyncpg" else found(name)
    )
    with pytest.raises(ConfigError, match=r'pip install "lamella-sql\[postgresql\]"'):
        SQLStore("postgresql://agent@host/runs")


async def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    store = SQLStore("postgresql://agent:pa55word@127.0.0.1:1/runs", timeout=0.3)
    error = await refused(store.open(), "store.unavailable", "is the server running")
    assert "pa55word" not in f"{error} {error.context} {error.cause!r} {store!r} {store.url}"
    assert "agent:***@" in store.url


async def test_a_database_that_is_not_there_is_told(postgres_server: Any) -> None:
    store = SQLStore(postgres_server.get_uri(database="nowhere"), timeout=1)
    await refused(store.open(), "store.failed", "createdb")


async def test_a_server_that_comes_back_gets_the_batch(postgres_server: Any, postgres_url: str) -> None:
    """The server stops between two batches: the second is written when it is there again."""
    store, run = SQLStore(postgres_url, timeout=60), tool_run()
    await store.open()
    await store.write(run[:5])
    postgres_server.stop()
    try:
        writing = asyncio.ensure_future(store.write(run[5:]))
        await asyncio.sleep(0.3)
        assert not writing.done()
    finally:
        await asyncio.to_thread(postgres_server.start)
    await writing
    await store.close()
    assert list(await store.load("3f2a9c")) == run


async def test_a_server_that_stays_away_is_told(postgres_server: Any, postgres_url: str) -> None:
    store, run = SQLStore(postgres_url, timeout=0.5), tool_run()
    await store.open()
    await store.write(run[:5])
    postgres_server.stop()
    try:
        await refused(store.write(run[5:]), "store.unavailable", "writing failed")
    finally:
        await asyncio.to_thread(postgres_server.start)
    await store.write(run[5:])
    await store.close()
    assert list(await store.load("3f2a9c")) == run


async def test_a_session_that_is_ended_by_the_server_is_replaced(
    postgres_server: Any, postgres_url: str
) -> None:
    store, run = SQLStore(postgres_url, timeout=10), tool_run()
    await store.open()
    for event_ in run:
        await store.write([event_])
        if event_.seq % 5 == 0:
            ended = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lamella'"
            )
            await asyncio.to_thread(postgres_server.psql, ended)
    await store.close()
    assert list(await store.load("3f2a9c")) == run


# -- the tables -----------------------------------------------------------------------------------


async def test_tables_of_a_newer_release_are_refused(url: str) -> None:
    from sql_runs import rows

    await store_run(SQLStore(url), tool_run())
    if url.startswith("sqlite"):
        file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        file.execute("UPDATE lamella_version SET version_num = '9000'")
        file.close()
    else:
        await rows(url, "UPDATE lamella_version SET version_num = '9000'")
    store = SQLStore(url)
    for doing in (store.open(), store.list(), store.load("3f2a9c"), store.claim("3f2a9c")):
        with pytest.raises(StoreError, match=r"newer release.*pip install --upgrade lamella-sql"):
            await doing


def test_several_processes_open_a_new_database_at_once(url: str) -> None:
    code = (
        "import asyncio, sys\nfrom sql_runs import *\nfrom lamella_sql import SQLStore\n"
        "asyncio.run(store_run(SQLStore(sys.argv[1]), tool_run(sys.argv[2])))"
    )
    support = str(Path(__file__).parents[2] / "_support")
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import sys; sys.path.insert(0, {support!r})\n{code}",
                url,
                f"run{number}",
            ],
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()[-2000:]
    store = SQLStore(url)
    for number in range(4):
        assert list(asyncio.run(store.load(f"run{number}"))) == tool_run(f"run{number}")


async def test_a_failed_batch_is_written_when_it_comes_again(tmp_path: Path) -> None:
    """What the store thinks of a run is what the database has, also after a failure in the middle."""
    store, run = SQLStore(tmp_path / "runs.db"), tool_run()
    await store.open()
    await store.write(run[:9])

    def fail(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if "INTO tool_calls" in statement:
            raise sqlite3.OperationalError("disk I/O error")

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(LamellaError):
            await store.write(run[9:])
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
    assert list(await store.load("3f2a9c")) == run[:9]
    await store.write(run[9:])
    await store.close()
    assert list(await store.load("3f2a9c")) == run
