"""Databases that earlier releases wrote stay readable. ``python test_releases.py VERSION`` writes that of this one."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest

from lamella.fold import fold
from lamella_sql import SQLStore

from sql_runs import derived, store_run, tool_run

RELEASES = Path(__file__).parent / "releases"


def kept() -> list[Path]:
    return sorted(RELEASES.glob("*.sql"))


def test_a_release_is_kept() -> None:
    assert kept()


@pytest.mark.parametrize("dump", kept(), ids=lambda path: path.stem)
async def test_f_sto03_the_database_of_a_release_stays_readable(dump: Path, tmp_path: Path) -> None:
    """F-STO03: what older releases stored stays readable, can be rebuilt, and can be gone on with."""
    _restore(dump, tmp_path / "runs.db")
    store, whole = SQLStore(tmp_path / "runs.db"), tool_run("whole", prompt="a\ud800 \x00 世")
    assert fold(await store.load("whole")) == fold(whole)
    assert list(await store.load("whole")) == whole
    assert {run.run_id: run.status for run in await store.list()} == {
        "whole": "completed",
        "cut": "interrupted",
    }
    before = await derived(store.url)
    await store.rebuild()
    assert await derived(store.url) == before
    await store.claim("cut")
    await store_run(store, tool_run("cut"))
    assert list(await store.load("cut")) == tool_run("cut")


def _restore(dump: Path, path: Path) -> None:
    file = sqlite3.connect(path)
    file.executescript(dump.read_text(encoding="utf-8"))
    file.close()


async def _write(path: Path) -> None:
    store = SQLStore(path)
    await store_run(store, tool_run("whole", prompt="a\ud800 \x00 世"))
    await store_run(store, tool_run("cut")[:12])


def _dump(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        asyncio.run(_write(path))
        file = sqlite3.connect(path)
        (RELEASES / f"{version}.sql").write_text("\n".join(file.iterdump()) + "\n", encoding="utf-8")
        file.close()


if __name__ == "__main__":
    RELEASES.mkdir(exist_ok=True)
    _dump(sys.argv[1])
