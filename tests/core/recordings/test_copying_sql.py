"""Copies between files and databases, where ``lamella-sql`` is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamella.fold import fold
from lamella.recordings import acopy_runs, astore_runs, export_lines, import_lines

from recorded_runs import cut, whole_run

lamella_sql = pytest.importorskip("lamella_sql")
lamella_jsonl = pytest.importorskip("lamella_jsonl")


async def test_f_sto01_files_to_a_database_and_back(tmp_path: Path) -> None:
    """F-STO01: each store rebuilt from another equals it."""
    files = lamella_jsonl.JSONLStore(tmp_path / "a")
    database = lamella_sql.SQLStore(f"sqlite:///{tmp_path / 'runs.sqlite'}")
    again = lamella_jsonl.JSONLStore(tmp_path / "b")
    runs = [whole_run("a"), cut(whole_run("b")), whole_run("c")]
    assert (await astore_runs(runs, files)).ok
    assert (await acopy_runs(files, database, ["a", "c"])).ok
    assert (await acopy_runs(database, again)).ok
    for run_id in ("a", "c"):
        first, there, last = [await store.load(run_id) for store in (files, database, again)]
        assert list(first) == list(there) == list(last)
        assert fold(first) == fold(there) == fold(last)
    assert [run.status for run in (await acopy_runs(files, database, ["a"], on_exists="verify")).runs] == [
        "same"
    ]


async def test_lines_to_a_database_and_back(tmp_path: Path) -> None:
    database = lamella_sql.SQLStore(f"sqlite:///{tmp_path / 'runs.sqlite'}")
    lines = list(export_lines([*whole_run("a"), *whole_run("b")]))
    assert (await astore_runs(import_lines(lines), database)).ok
    assert list(export_lines([*await database.load("a"), *await database.load("b")])) == lines
