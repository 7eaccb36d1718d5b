"""Who writes a run, and whether they are still there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import attrs
import pytest

from lamella_sql import SQLStore, _heartbeat
from lamella_sql._owner import SILENT_SECONDS, is_alive, this_owner

from sql_runs import execute, rows, tool_run


def test_this_process_is_alive_whatever_it_says() -> None:
    assert is_alive(this_owner(), None)
    assert is_alive(this_owner(), 1e6)
    assert this_owner().token != this_owner().token


def test_a_process_that_ended_is_dead_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = this_owner()
    found = attrs.evolve(mine, pid=process.pid, started=_started(process.pid))
    assert is_alive(found, 0.0)
    assert process.stdin is not None
    process.stdin.close()
    process.kill()
    deadline = 200
    while is_alive(found, 0.0) and deadline:  # dead although nobody has asked for its exit status
        deadline -= 1
        os.sched_yield()
    process.wait()
    assert not is_alive(found, 0.0)


def _started(pid: int) -> str | None:
    from lamella_sql import _owner

    return _owner._started(pid)


def test_another_process_with_the_same_id_is_not_the_writer() -> None:
    assert not is_alive(attrs.evolve(this_owner(), started="before the last boot"), 0.0)


@pytest.mark.parametrize(
    ("silent", "alive"), [(0.0, True), (SILENT_SECONDS - 1, True), (SILENT_SECONDS + 1, False), (None, False)]
)
def test_another_host_is_judged_by_its_silence(silent: float | None, alive: bool) -> None:
    assert is_alive(attrs.evolve(this_owner(), host="elsewhere"), silent) is alive


async def test_a_run_of_a_silent_host_can_be_claimed(url: str) -> None:
    run, store, other = tool_run(), SQLStore(url), SQLStore(url)
    await store.open()
    await store.write(run[:5])
    await execute(url, "UPDATE runs SET writer_host = 'elsewhere'")
    assert [summary.status for summary in await other.list()] == ["running"]
    await execute(url, "UPDATE runs SET heartbeat_at = heartbeat_at - 61")
    assert [summary.status for summary in await other.list()] == ["interrupted"]
    await other.claim("3f2a9c")
    await other.open()
    await other.write(run[5:])
    await other.close()
    await store.close()
    assert list(await other.load("3f2a9c")) == run


async def test_an_open_store_says_that_it_is_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_heartbeat, "HEARTBEAT_SECONDS", 0.01)
    store = SQLStore(url)
    await store.open()
    await store.write(tool_run()[:3])
    ((first,),) = [row.values() for row in await rows(url, "SELECT heartbeat_at FROM runs")]
    latest = first
    async with asyncio.timeout(30):
        while latest <= first:
            ((latest,),) = [row.values() for row in await rows(url, "SELECT heartbeat_at FROM runs")]
            await asyncio.sleep(0.01)
    await store.close()
