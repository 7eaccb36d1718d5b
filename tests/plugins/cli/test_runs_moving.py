"""``lamella runs export``, ``import``, ``copy``: stored runs taken elsewhere, whole."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lamella.events import RunStreamEvent
from lamella.recordings import import_lines
from lamella_jsonl import JSONLStore

from recorded_runs import cut, whole_run

RUNS = Path(".lamella") / "runs"


def keep(folder: Path, *runs: list[RunStreamEvent]) -> None:
    async def write() -> None:
        for run in runs:
            store = JSONLStore(folder / RUNS)
            await store.open()
            await store.write(run)
            await store.close()

    asyncio.run(write())


def kept(folder: Path, run_id: str) -> list[RunStreamEvent]:
    return list(asyncio.run(JSONLStore(folder / RUNS).load(run_id)))


def test_all_runs_in_one_file_and_back(lamella: Any, folder: Path, tmp_path: Path) -> None:
    keep(folder, whole_run("aaa"), whole_run("bbb"))
    assert lamella("runs", "export", "--all", "-o", "all.jsonl").code == 0
    with Path("all.jsonl").open("rb") as file:
        assert {run[0].run_id: list(run) for run in import_lines(file)} == {
            "aaa": whole_run("aaa"), "bbb": whole_run("bbb")
        }  # fmt: skip
    assert not list(Path().glob(".*.part"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "lamella.toml").touch()
    ended = lamella("--project", str(other), "runs", "import", "all.jsonl", "--json")
    assert ended.code == 0, ended.err
    assert [(run["run_id"], run["status"], run["events"]) for run in json.loads(ended.out)] == [
        ("aaa", "copied", 14), ("bbb", "copied", 14)
    ]  # fmt: skip
    assert kept(other, "aaa") == whole_run("aaa")
    again = lamella("--project", str(other), "runs", "import", "all.jsonl")
    assert again.code == 0
    assert [line.split()[:2] for line in again.out.splitlines()[1:]] == [["aaa", "same"], ["bbb", "same"]]


def test_a_file_for_each_run_and_standard_output(lamella: Any, folder: Path) -> None:
    keep(folder, whole_run("aaa"), whole_run("b/b"))
    assert lamella("runs", "export", "aaa", "b/b", "-o", "out/").code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["aaa.jsonl", "b%2Fb.jsonl"]
    assert lamella("runs", "export", "aaa", "-o", "out").code == 0
    assert len(list(Path("out").iterdir())) == 2
    ended = lamella("runs", "export", "aa")
    assert ended.out == Path("out/aaa.jsonl").read_text(encoding="utf-8")
    assert ended.err == ""


def test_standard_input(lamella: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(folder, whole_run("aaa"))
    lines = lamella("runs", "export", "aaa").out
    for path in (folder / RUNS).glob("*.jsonl"):
        path.unlink()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    ended = lamella("runs", "import", "-")
    assert (ended.code, ended.out.split()[3:6]) == (0, ["aaa", "copied", "14"]), ended


def test_what_an_export_is_for_must_be_said(lamella: Any, folder: Path) -> None:
    keep(folder, whole_run("aaa"))
    for command in (["export"], ["reprice"], ["copy", "--to", "jsonl"]):
        ended = lamella("runs", *command)
        assert ended.code == 2
        assert "give the ids of runs, or --all" in ended.err
        assert lamella("runs", *command, "aaa", "--all").code == 2
    unknown = lamella("runs", "export", "aab", "-o", "file.jsonl")
    assert unknown.code == 2
    assert "did you mean aaa?" in unknown.err
    assert not list(Path().glob("*file.jsonl*"))


def test_of_all_runs_one_that_is_damaged_is_said_and_passed_over(lamella: Any, folder: Path) -> None:
    keep(folder, whole_run("aaa"), whole_run("bbb"))
    (path,) = (folder / RUNS).glob("*-aaa.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"damaged\n", *lines[4:]]))
    for command in (["export", "--all", "-o", "out/"], ["reprice", "--all"]):
        ended = lamella("runs", *command)
        assert ended.code == 1
        assert "run aaa is left out: " in ended.err
    assert [each.name for each in Path("out").iterdir()] == ["bbb.jsonl"]
    assert lamella("runs", "export", "aaa").code == 1


def test_a_file_that_is_damaged_is_named_with_its_line(lamella: Any, folder: Path) -> None:
    keep(folder, whole_run("aaa"))
    text = lamella("runs", "export", "aaa").out
    Path("torn.jsonl").write_text(text[:-9], encoding="utf-8")
    Path("bad.jsonl").write_text(text.replace("\n", "\nx\n", 1), encoding="utf-8")
    ended = lamella("runs", "import", "bad.jsonl")
    assert ended.code == 1
    assert "bad.jsonl: line 2 is no stored event" in ended.err
    torn = lamella("runs", "import", "torn.jsonl")
    assert torn.code == 0
    assert "it is there with more events" in torn.out
    assert "torn.jsonl: line 14, the last one, is cut short" in torn.err
    assert lamella("runs", "import", "missing.jsonl").code == 2


def test_runs_that_are_there_and_another(lamella: Any, folder: Path) -> None:
    keep(folder, whole_run("aaa"))
    text = lamella("runs", "export", "aaa").out
    Path("other.jsonl").write_text(text.replace("Be kind.", "Be quick."), encoding="utf-8")
    ended = lamella("runs", "import", "other.jsonl", "--on-exists", "verify")
    assert ended.code == 1
    assert "differs" in ended.out
    assert "event 0 (stream.start) is not the same: event.system_instruction" in ended.out
    assert lamella("runs", "import", "other.jsonl", "--on-exists", "error").code == 2


def test_a_store_is_named(lamella: Any, folder: Path) -> None:
    keep(folder, whole_run("aaa"))
    for command in (
        ["list"], ["show", "aaa"], ["replay", "aaa", "--speed", "inf"], ["diff", "aaa", "aaa"], ["export", "aaa"],
        ["reprice", "aaa"], ["import", "lamella.toml"], ["copy", "aaa", "--to", "jsonl"],
    ):  # fmt: skip
        ended = lamella("runs", *command, "--store", "console")
        assert ended.code == 2, command
        assert "sink 'console' is no run store (the stores: jsonl" in ended.err, command
        assert lamella("runs", *command, "--store", "nothing").code in (2, 3), command
    assert "aaa" in lamella("runs", "list", "--store", "jsonl").out
    assert "already" in lamella("runs", "copy", "aaa", "--to", "jsonl").err


def test_to_a_database_and_back(lamella: Any, folder: Path) -> None:
    pytest.importorskip("lamella_sql")
    keep(folder, whole_run("aaa"), cut(whole_run("bbb")))
    ended = lamella("runs", "copy", "--all", "--to", "sql", "--json")
    assert ended.code == 0, ended
    assert [(run["run_id"], run["status"]) for run in json.loads(ended.out)] == [
        ("aaa", "copied"), ("bbb", "copied")
    ]  # fmt: skip
    assert "aaa" in lamella("runs", "list", "--store", "sql").out
    assert lamella("runs", "export", "aaa", "--store", "sql").out == lamella("runs", "export", "aaa").out
    again = lamella("runs", "copy", "aaa", "--to", "sql", "--on-exists", "verify")
    assert (again.code, again.out.split()[3:5]) == (0, ["aaa", "same"])
