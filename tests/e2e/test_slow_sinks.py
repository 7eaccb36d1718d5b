"""Stores that are slow, full, locked, read-only or away: memory stays bounded, the policy is kept, all is told once. F-STO01."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from lamella import Agent, ErrorCode, Journal, RunResult, RunStreamEvent, StoreError, fold, tool
from lamella.specs import RunStore, RunSummary
from lamella_jsonl import JSONLStore
from lamella_sim import ChatSim, Script, Text, ToolCall

from fakes import bare

SUPPORT = Path(__file__).parents[1] / "_support"
DELTAS = 50_000
QUEUE = 1024
BATCH = 256


# -- a slow disk ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """What a hasty stream and a sink of 50 ms a batch did; each in a process of its own, which nobody measures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    running = {
        way: subprocess.Popen(
            [sys.executable, str(SUPPORT / "hasty.py"), way, str(DELTAS)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**kept, "PYTHONPATH": str(SUPPORT)},
        )
        for way in ("wait", "shed", "journal")
    }  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    for way, process in running.items():
        said, complaint = process.communicate(timeout=300)
        assert process.returncode == 0, complaint[-3000:]
        found[way] = json.loads(said)
        print(way, found[way])
    return found


def require_bounded(found: dict[str, Any]) -> None:
    """Of a stream of 50,000 deltas, each of at least four objects, a few thousand are held."""
    assert found["output"]
    assert found["made"] == DELTAS
    assert found["durable"]
    assert found["folds"]
    assert found["largest"] <= BATCH + 1
    assert found["blocks"] < 40_000
    assert found["kilobytes"] < 10_000


def test_f_sto01_a_slow_sink_slows_the_stream(measured: Any) -> None:
    """F-STO01: with ``wait`` nothing is lost, and no more is held than the queue and two batches."""
    found = measured["wait"]
    require_bounded(found)
    assert found["stored"] == DELTAS
    assert found["behind"] <= QUEUE + 2 * BATCH
    assert found["seconds"] >= 0.05 * (DELTAS / BATCH)
    assert found["told"] == []


def test_f_sto01_a_slow_sink_loses_deltas_and_says_how_many(measured: Any) -> None:
    """F-STO01: with ``shed`` the stream is not slowed, durable events are all there."""
    found = measured["shed"]
    require_bounded(found)
    assert 0 < found["stored"] < DELTAS
    assert found["told"] == [f"sink 'Slow' was too slow: {DELTAS - found['stored']} deltas were shed"]
    assert found["batches"] < DELTAS / BATCH / 2


def test_f_sto01_a_slow_journal_slows_the_stream(measured: Any) -> None:
    """F-STO01: what is not stored is not shown, and not made much ahead."""
    found = measured["journal"]
    require_bounded(found)
    assert found["stored"] == DELTAS
    assert found["behind"] <= 2 * BATCH + 2
    assert found["told"] == []


# -- a store in trouble -----------------------------------------------------------------------------


class Watched:
    """A store, and what it raised."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.errors: list[BaseException] = []
        self.written = self.writes_after = 0

    async def open(self) -> None:
        await self._noted(self.store.open())

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.writes_after += bool(self.errors)
        await self._noted(self.store.write(batch))
        self.written += 1

    async def close(self) -> None:
        await self.store.close()

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        return await self.store.load(run_id)

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        return await self.store.list(limit=limit)

    async def _noted(self, doing: Any) -> None:
        try:
            await doing
        except BaseException as error:
            self.errors.append(error)
            raise


@attrs.frozen
class Trouble:
    """What goes wrong when the tool runs, or before the run, and how it is mended."""

    store: RunStore
    begin: Callable[[], Any]
    end: Callable[[], Any]
    code: ErrorCode
    early: bool = False

    def make(self, store: Watched) -> None:
        """Make trouble in the middle of a run: something is stored already."""
        if not self.early:
            wait_for(lambda: store.written > 0)
            self.begin()


def wait_for(something: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not something():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def agent(trouble: Callable[[], Any], **given: Any) -> Agent:
    """Its tool makes trouble; then comes much to store."""

    @tool
    def spoil() -> str:
        """Spoil it."""
        trouble()
        return "x" * 20_000

    @tool
    def go_on(n: int) -> str:
        """Go on."""
        return "y" * 5_000

    turns = (
        [Text("First. "), ToolCall("spoil", {})],
        *([ToolCall("go_on", {"n": n})] for n in range(2)),
        "Done at last.",
    )
    return Agent(ChatSim(script=Script.of(*turns)), tools=[spoil, go_on], project=bare(), **given)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here: run as root to try a disk that is full")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while file.write(b"\0" * size) == size:
                    continue
            except OSError:
                continue


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def store_on(kind: str, folder: Path, timeout: float = 0.3) -> RunStore:
    if kind == "sqlite":
        from lamella_sql import SQLStore

        return SQLStore(folder / "runs.db", timeout=timeout)
    return JSONLStore(folder / "runs", layout="rotating" if kind == "rotating" else "run")


def full(kind: str, disk: Path) -> Trouble:
    return Trouble(
        store_on(kind, disk), lambda: fill(disk), lambda: (disk / "filler").unlink(), ErrorCode.STORE_FULL
    )


def read_only(kind: str, disk: Path) -> Trouble:
    return Trouble(
        store_on(kind, disk),
        lambda: remount(disk, "ro"),
        lambda: remount(disk, "rw"),
        ErrorCode.STORE_FAILED,
        early=True,
    )


def locked(kind: str, folder: Path) -> Trouble:
    held: list[sqlite3.Connection] = []

    def lock() -> None:
        held.append(sqlite3.connect(folder / "runs.db", isolation_level=None, check_same_thread=False))
        held[0].execute("BEGIN IMMEDIATE")

    return Trouble(store_on(kind, folder), lock, lambda: held.pop().close(), ErrorCode.STORE_UNAVAILABLE)


ROLES = ("sink", "stop", "continue")
FILES = [
    *((full, kind) for kind in ("jsonl", "rotating", "sqlite")),
    *((read_only, kind) for kind in ("jsonl", "rotating", "sqlite")),
    (locked, "sqlite"),
]


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the run has said of its stores, from warnings on."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("lamella.agent")
    ]


async def require_told_once(trouble: Trouble, role: str, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is typed and told once; the run stops or goes on as it should."""
    store = Watched(trouble.store)
    given: dict[str, Any] = {"sinks": [store]}
    if role != "sink":
        given = {"journal": Journal(store, on_error=role)}  # type: ignore[arg-type]  # one of the two
    stream = agent(lambda: trouble.make(store), **given).astream("go")
    shown: list[RunStreamEvent] = []
    stopped: StoreError | None = None
    if trouble.early:
        trouble.begin()
    with caplog.at_level(logging.WARNING):
        try:
            async for event in stream:
                shown.append(event)
        except StoreError as error:
            stopped = error
        finally:
            trouble.end()
    if role == "stop":
        require_stopped(stopped, stream.result, trouble.code, shown)
    else:
        assert stopped is None
        assert stream.result.output == "Done at last."
    (raised,) = store.errors
    assert isinstance(raised, StoreError)
    assert raised.error_code == trouble.code
    assert raised.context["store"] in ("jsonl", "sql")
    assert raised.retryable == (trouble.code == ErrorCode.STORE_UNAVAILABLE)
    assert store.writes_after == 0
    told = reports(caplog)
    if role == "stop":
        assert told == []
    else:
        (line,) = told
        assert line.startswith(f"{'sink' if role == 'sink' else 'journal'} 'Watched' failed")
        assert "StoreError" in line
    if trouble.early:
        assert await trouble.store.list() == []
        return
    stored = await trouble.store.load(stream.run_id)
    assert list(stored) == shown[: len(stored)]
    assert "First. " in fold(stored).messages[0].text


def require_stopped(
    error: StoreError | None, result: RunResult[Any], code: ErrorCode, shown: list[RunStreamEvent]
) -> None:
    assert error is not None
    assert error.error_code == code
    assert error.partial == result
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.code == code.value
    assert [event.type for event in shown].count("stream.error") == 1


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("kind", "trouble"), [(kind, make) for make, kind in FILES])
async def test_f_sto01_a_file_that_cannot_be_written_is_told_once(
    kind: str, trouble: Any, role: str, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F-STO01: a full disk, a read-only one, a locked database."""
    await require_told_once(trouble(kind, disk), role, caplog)


# -- a server that is away --------------------------------------------------------------------------


def frozen(server: Any) -> list[Any]:
    """Stop all processes of the server where they stand: it takes connections, and answers nothing."""
    import psutil  # type: ignore[import-untyped]  # it has no stubs

    parent = psutil.Process(server.get_pid())
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    return processes


class Away:
    """A server that can be taken away, and brought back."""

    def __init__(self, server: Any, how: str) -> None:
        self._server = server
        self._how = how
        self._frozen: list[Any] = []

    def begin(self) -> None:
        if self._how == "stopped":
            self._server.stop()
        else:
            self._frozen = frozen(self._server)

    def end(self) -> None:
        if self._how == "stopped":
            self._server.start()
        for process in self._frozen:
            if process.is_running():
                process.send_signal(signal.SIGCONT)
        self._frozen = []


HOWS = ("stopped", "frozen")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("how", HOWS)
async def test_f_sto01_a_server_that_goes_away_is_told_once(
    how: str, role: str, postgres_server: Any, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """F-STO01: a server that stops, or answers no more, in the middle of a run."""
    from lamella_sql import SQLStore

    away = Away(postgres_server, how)
    store = SQLStore(postgres_url, timeout=0.6)
    trouble = Trouble(store, away.begin, away.end, ErrorCode.STORE_UNAVAILABLE)
    await require_told_once(trouble, role, caplog)


@pytest.mark.parametrize("role", ["sink", "journal"])
@pytest.mark.parametrize("how", [*HOWS, "disconnected"])
async def test_f_sto01_a_server_that_comes_back_has_it_all(
    how: str, role: str, postgres_server: Any, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """F-STO01: back within the timeout, nothing is lost and nothing is told."""
    from lamella_sql import SQLStore

    away = Away(postgres_server, how)
    timers: list[threading.Timer] = []

    def go_away() -> None:
        wait_for(lambda: watched.written > 0)
        if how == "disconnected":
            postgres_server.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lamella'"
            )
            return
        away.begin()
        timers.append(threading.Timer(0.4, away.end))
        timers[0].start()

    store = SQLStore(postgres_url, timeout=20)
    watched = Watched(store)
    given: dict[str, Any] = {"sinks": [watched]} if role == "sink" else {"journal": watched}
    with caplog.at_level(logging.WARNING):
        try:
            result = await agent(go_away, **given).arun("go")
        finally:
            for timer in timers:
                timer.join()
    assert result.output == "Done at last."
    assert reports(caplog) == []
    assert fold(await store.load(result.run_id)) == result
    assert [each.status for each in await store.list()] == ["completed"]
    assert reports(caplog) == []


async def test_a_server_that_is_away_holds_no_more_than_the_queue(
    postgres_server: Any, postgres_url: str
) -> None:
    """What comes while the server is away waits, and the stream with it."""
    from lamella_sql import SQLStore

    from hasty import Hasty

    store = SQLStore(postgres_url, timeout=20)
    model, away = Hasty(6_000), Away(postgres_server, "stopped")
    stream = Agent(model, project=bare(), sinks=[store]).astream("go")
    timer, most = threading.Timer(0.8, away.end), 0
    async for event in stream:
        if event.seq == 300:
            away.begin()
            timer.start()
            before = model.made
        if event.seq > 300 and timer.is_alive():
            most = max(most, model.made - before)
    timer.join()
    assert 0 < most <= QUEUE + 2 * BATCH
    assert fold(await store.load(stream.run_id)) == stream.result
    assert len(await store.load(stream.run_id)) == 6_000 + 4
