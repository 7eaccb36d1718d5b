"""Stores that releases have written stay readable, and can be gone on with. F-STO03.

``python tests/fixtures/stores/make.py VERSION`` writes those of a release; they are never changed afterwards, and
neither are the scenarios that are in them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lamella import StreamStart, fold
from lamella.recordings import Recording, acopy_runs, astore_runs, export_lines, import_lines
from lamella.specs import ClaimingStore, RunStore
from lamella_jsonl import JSONLStore

from scenarios import made
from stores import ended, told

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stores"
RELEASES = sorted(path.name for path in FIXTURES.iterdir() if (path / "expected.json").is_file())
LAYOUTS = ("run", "rotating", "sqlite")
LARGEST = 300_000
"""Bytes of the files of a release."""


def expected(release: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((FIXTURES / release / "expected.json").read_text("utf-8"))
    return found


def opened(release: str, layout: Any, folder: Path) -> ClaimingStore:
    """The store of a release, in a copy."""
    if layout == "sqlite":
        from lamella_sql import SQLStore

        packed = FIXTURES / release / "runs.db.gz"
        (folder / "runs.db").write_bytes(gzip.decompress(packed.read_bytes()))
        return SQLStore(folder / "runs.db")
    shutil.copytree(FIXTURES / release / layout, folder / layout)
    return JSONLStore(folder / layout, layout=layout)


def test_a_release_is_kept() -> None:
    assert RELEASES
    for release in RELEASES:
        files = [path for path in (FIXTURES / release).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < LARGEST
        assert {each["status"] for each in expected(release).values()} == {
            "completed",
            "failed",
            "interrupted",
        }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("release", RELEASES)
async def test_f_sto03_the_runs_of_a_release_are_read(release: str, layout: str, tmp_path: Path) -> None:
    """F-STO03: status, output, messages, usage, events; and reading changes nothing."""
    store = opened(release, layout, tmp_path)
    before = digests(tmp_path)
    listed = {each.run_id: each for each in await store.list()}
    wanted = expected(release)
    assert listed.keys() == wanted.keys()
    for run_id, known in wanted.items():
        events = await store.load(run_id)
        found = {"scenario": known["scenario"], **told(fold(events)), "events": len(events)}
        assert found == known
        summary = listed[run_id]
        assert (summary.status, summary.events) == (known["status"], known["events"])
        assert summary.total_tokens == known["usage"].get("total_tokens")
        assert isinstance(events[0].event, StreamStart)
        assert events[0].event.meta == {"kept": True}
    if layout != "sqlite":
        assert digests(tmp_path) == before


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.jsonl"))
        if path.is_file()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("release", RELEASES)
async def test_f_sto03_the_runs_of_a_release_come_out_of_their_logs_again(
    release: str, layout: str, tmp_path: Path
) -> None:
    store = opened(release, layout, tmp_path)
    for run_id, known in expected(release).items():
        found = await (await Recording.aload(store, run_id)).averify(made(known["scenario"]))
        assert found.ok, (known["scenario"], found.problems)
        assert found.whole == (known["status"] != "interrupted")
        assert found.requests > 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("release", RELEASES)
async def test_f_sto03_an_interrupted_run_of_a_release_goes_on(
    release: str, layout: str, tmp_path: Path
) -> None:
    store = opened(release, layout, tmp_path)
    cut = [run_id for run_id, known in expected(release).items() if known["status"] == "interrupted"]
    assert cut
    for run_id in cut:
        known = expected(release)[run_id]
        recording = await Recording.aload(store, run_id)
        resumed = await ended(recording.resume_astream(made(known["scenario"])))
        assert resumed.status == "completed"
        stored = await store.load(run_id)
        assert fold(stored) == resumed
        assert [each.seq for each in stored] == list(range(len(stored)))
        assert list(stored[: known["events"]]) == list(recording.events[: known["events"]])
        found = await (await Recording.aload(store, run_id)).averify(made(known["scenario"]))
        assert found.ok, found.problems


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("release", RELEASES)
async def test_f_sto03_the_runs_of_a_release_move_to_a_store_of_this_one(
    release: str, layout: str, tmp_path: Path
) -> None:
    from lamella_sql import SQLStore

    store = opened(release, layout, tmp_path)
    targets: list[RunStore] = [JSONLStore(tmp_path / "new"), SQLStore(tmp_path / "new.db")]
    for target in targets:
        report = await acopy_runs(store, target)
        assert report.ok, (target, report)
        assert await target.list() == await store.list()
        for run_id in expected(release):
            assert list(await target.load(run_id)) == list(await store.load(run_id))


# -- what a later release wrote ---------------------------------------------------------------------


def of_the_future(line: str) -> list[str]:
    """A line as a later release might write it, with fields and events that nobody knows yet."""
    document = json.loads(line)
    document["lane"] = {"nested": [1, None, "x"]}
    event = document["event"]
    event["mood"] = {"kept": True}
    for message in event.get("input", ()):
        message["tone"] = "kind"
        for block in message["content"]:
            block["weight"] = 0.5
    usage = event.get("token_usage")
    if usage:
        usage["dream_tokens"] = 3
    return [json.dumps(document)]


def with_events(lines: list[str]) -> list[str]:
    """The lines, with an event of an unknown type behind the first, and a block of an unknown type in the input."""
    documents = [json.loads(line) for line in lines]
    unknown = json.loads(lines[0])
    unknown["event"] = {"type": "dream.done", "vision": ["a", {"b": 1}], "token_usage": None}
    documents.insert(1, unknown)
    documents[0]["event"]["input"][0]["content"].append({"type": "scent", "notes": ["rose"]})
    for seq, document in enumerate(documents):
        document["seq"] = seq
    return [json.dumps(document) for document in documents]


@pytest.mark.parametrize("target", ["jsonl", "rotating", "sqlite"])
async def test_f_sto03_what_a_later_release_adds_is_kept(target: Any, tmp_path: Path) -> None:
    """F-STO03: unknown fields, blocks and events are read, stored elsewhere and exported as they were."""
    known = [path for path in (FIXTURES / RELEASES[-1] / "run").iterdir() if path.suffix == ".jsonl"]
    file = next(path for path in known if expected(RELEASES[-1])[run_of(path)]["scenario"] == "tools")
    plain = file.read_text("utf-8").splitlines()
    lines = with_events([changed for line in plain for changed in of_the_future(line)])
    folder = tmp_path / "future"
    folder.mkdir()
    (folder / file.name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    store = JSONLStore(folder)
    run_id = run_of(file)
    events = await store.load(run_id)
    assert events[1].type == "dream.done"
    assert [json.loads(line) for line in export_lines(events)] == without_lanes(lines)
    old, new = fold(import_lines(file.read_bytes().splitlines(True))[0]), fold(events)
    assert (new.output, new.status, len(new.messages)) == (old.output, old.status, len(old.messages))
    (summary,) = await store.list()
    assert (summary.run_id, summary.status, summary.events) == (run_id, "completed", len(lines))

    from lamella_sql import SQLStore

    other: Any = (
        SQLStore(tmp_path / "other.db")
        if target == "sqlite"
        else JSONLStore(tmp_path / "other", layout="run" if target == "jsonl" else "rotating")
    )
    report = await astore_runs(import_lines(export_lines(events)), other)
    assert report.ok, report
    copied = await other.load(run_id)
    assert list(copied) == list(events)
    assert [json.loads(line) for line in export_lines(copied)] == without_lanes(lines)


def without_lanes(lines: list[str]) -> list[dict[str, Any]]:
    """An envelope has no room for what it does not know; all that is in it has."""
    documents = [json.loads(line) for line in lines]
    assert all(document.pop("lane") for document in documents)
    return documents


def run_of(path: Path) -> str:
    return path.stem.rpartition("-")[2]
