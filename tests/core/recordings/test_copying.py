"""Copies: every event arrives, or it is said what did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lamella.errors import AgentInputError, AgentSerializationError
from lamella.events import MessageOutputDelta, RunStreamEvent, StreamEnd, StreamStart
from lamella.recordings import acopy_runs, astore_runs, copy_runs, store_runs
from lamella.serial.stored import RawPolicy

from recorded_runs import KeepingStore, cut, envelopes, whole_run


async def filled(*runs: list[RunStreamEvent], **policies: Any) -> KeepingStore:
    store = KeepingStore(**policies)
    for run in runs:
        await store.write(run)
    store.batches.clear()
    return store


async def test_every_event_arrives() -> None:
    source, target = await filled(whole_run("a"), cut(whole_run("b"))), KeepingStore()
    report = await acopy_runs(source, target)
    assert [(run.run_id, run.status, run.events) for run in report.runs] == [
        ("a", "copied", 14),
        ("b", "copied", 13),
    ]
    assert report.ok
    assert target.runs == source.runs
    assert [run.run_id for run in await target.list()] == [run.run_id for run in await source.list()]
    assert target.opened == 0


async def test_long_runs_go_in_batches() -> None:
    run = envelopes([StreamStart(), *[MessageOutputDelta(delta="x")] * 1200, StreamEnd()])
    target = KeepingStore()
    assert (await acopy_runs(await filled(run), target)).ok
    assert target.batches == [500, 500, 202]


def test_the_synchronous_forms() -> None:
    source, target = KeepingStore(), KeepingStore()
    assert store_runs([whole_run("a")], source).ok
    assert copy_runs(source, target).ok
    assert target.runs == source.runs


async def test_some_of_the_runs_also_by_a_beginning() -> None:
    source, target = await filled(whole_run("abc"), whole_run("xyz")), KeepingStore()
    assert [run.run_id for run in (await acopy_runs(source, target, ["ab"])).runs] == ["abc"]
    with pytest.raises(AgentInputError, match="no run 'nothing'"):
        await acopy_runs(source, target, ["xyz", "nothing"])
    assert list(target.runs) == ["abc"]


async def test_a_run_that_is_being_written_is_not_copied() -> None:
    source, target = await filled(cut(whole_run("a")), whole_run("b")), KeepingStore()
    source.running.add("a")
    report = await acopy_runs(source, target)
    assert [run.status for run in report.runs] == ["running", "copied"]
    assert not report.ok
    assert "still writing it" in (report.of_status("running")[0].detail or "")
    assert list(target.runs) == ["b"]


async def test_runs_that_are_there_are_left_or_compared_or_refused() -> None:
    source = await filled(whole_run("a"), whole_run("b"))
    target = await filled(whole_run("a"))
    changed = await filled(whole_run("a", answer="It is 6."))
    verified = await acopy_runs(source, target, on_exists="verify")
    assert [run.status for run in verified.runs] == ["same", "copied"]
    assert [run.status for run in (await acopy_runs(source, target)).runs] == ["skipped", "skipped"]
    for store, runs in [(target, ["a", "b"]), (changed, ["b", "a"])]:
        before = json.dumps(store.runs)
        with pytest.raises(AgentInputError, match="has a"):
            await acopy_runs(source, store, runs, on_exists="error")
        assert json.dumps(store.runs) == before, "none is copied"
    report = await acopy_runs(source, changed, ["a"], on_exists="verify")
    assert [(run.status, run.detail) for run in report.runs] == [
        ("differs", "event 10 (message.output.delta) is not the same: event.delta")
    ]


async def test_a_copy_that_was_broken_off_is_taken_up() -> None:
    run = envelopes([StreamStart(), *[MessageOutputDelta(delta="x")] * 1200, StreamEnd()])
    source, target = await filled(run), KeepingStore()
    target.fail_after = 1
    with pytest.raises(OSError, match="power"):
        await acopy_runs(source, target)
    assert target.opened == 0
    target.fail_after = None
    assert (await acopy_runs(source, target, on_exists="verify")).runs[0].status == "differs"
    assert [run.status for run in (await acopy_runs(source, target)).runs] == ["copied"]
    assert target.claimed == ["r"]
    assert target.runs == source.runs


async def test_a_run_that_went_on_in_the_target_is_left_there() -> None:
    source, target = await filled(cut(whole_run("a"))), await filled(whole_run("a"))
    (run,) = (await acopy_runs(source, target)).runs
    assert (run.status, run.events, run.detail) == ("skipped", 14, "it is there with more events")
    (compared,) = (await acopy_runs(source, target, on_exists="verify")).runs
    assert (compared.status, compared.detail) == ("differs", "event 13 (stream.end) is there besides")


async def test_another_run_of_the_same_id_is_not_taken_up() -> None:
    source, target = await filled(whole_run("a")), await filled(cut(whole_run("a", question="Who?")))
    (run,) = (await acopy_runs(source, target)).runs
    assert (run.status, run.detail) == ("differs", "event 0 (stream.start) is not the same: event.input")
    assert len(target.runs["a"]) == 13


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"raw": "redacted"}, "payloads redacted"),
        ({"raw": "dropped"}, "payloads dropped"),
        ({"deltas": False}, "no deltas"),
    ],
)
async def test_a_target_that_keeps_less_is_refused_unless_it_is_meant(policies: Any, words: str) -> None:
    source, target = await filled(whole_run("a")), KeepingStore(**policies)
    with pytest.raises(AgentInputError, match=words):
        await acopy_runs(source, target)
    assert target.batches == []
    report = await acopy_runs(source, target, lossy=True)
    assert report.ok
    assert report.runs[0].events == (12 if "deltas" in policies else 14)


@pytest.mark.parametrize("raw", ["redacted", "dropped"])
async def test_what_the_source_has_not_cannot_be_lost(raw: RawPolicy) -> None:
    source = await filled(whole_run("a"), raw="dropped", deltas=False)
    target = KeepingStore(raw=raw, deltas=False)
    assert (await acopy_runs(source, target)).ok
    assert target.runs == source.runs


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        (lambda document: None if document["seq"] == 3 else document,
         "event 3 (response.done) is missing (1 of 14 events are missing)"),
        (lambda document: {**document, "at": 0.0},
         "event 0 (stream.start) is not the same: at"),
        (lambda document: {**document, "event": {**document["event"], "signature": "x"}} if document["seq"] == 1
         else document,
         "event 1 (reasoning.done) is not the same: event.signature"),
    ],
)  # fmt: skip
async def test_what_did_not_arrive_is_said(
    lose: Callable[[dict[str, Any]], dict[str, Any] | None], words: str
) -> None:
    (run,) = (await acopy_runs(await filled(whole_run("a")), KeepingStore(lose=lose))).runs
    assert (run.status, run.detail) == ("differs", words)


async def test_a_run_that_cannot_be_read_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = await filled(whole_run("a"), whole_run("b")), KeepingStore()
    load = source.load

    async def broken(run_id: str) -> Any:
        if run_id == "a":
            raise AgentSerializationError("line 3 is damaged")
        return [] if run_id == "c" else await load(run_id)

    monkeypatch.setattr(source, "load", broken)
    report = await acopy_runs(source, target)
    assert [(run.status, run.detail) for run in report.runs] == [
        ("unreadable", "line 3 is damaged"), ("copied", None)
    ]  # fmt: skip
    assert not report.ok


async def test_what_cannot_be_meant_is_refused() -> None:
    store = KeepingStore()
    with pytest.raises(AgentInputError, match="same store"):
        await acopy_runs(store, store)
    with pytest.raises(AgentInputError, match="list of run ids"):
        await acopy_runs(store, KeepingStore(), "abc")
    with pytest.raises(AgentInputError, match="on_exists must be one of 'skip', 'verify', 'error'"):
        await acopy_runs(store, KeepingStore(), on_exists="replace")  # type: ignore[arg-type]


async def test_runs_from_anywhere() -> None:
    target = KeepingStore()
    runs = [whole_run("a"), [], cut(whole_run("b")), whole_run("a")]
    assert [run.status for run in (await astore_runs(runs, target)).runs] == ["copied", "copied", "same"]
    with pytest.raises(AgentInputError, match="has b"):
        await astore_runs([whole_run("b")], target, on_exists="error")
    grown = await astore_runs([whole_run("b")], target)
    assert [run.status for run in grown.runs] == ["copied"]
    assert len(target.runs["b"]) == 14


async def test_f_sto01_there_and_back_between_files_and_memory(tmp_path: Path) -> None:
    """F-STO01: a store rebuilt from the JSON lines of another equals it."""
    jsonl = pytest.importorskip("lamella_jsonl")
    files, memory, again = jsonl.JSONLStore(tmp_path / "a"), KeepingStore(), jsonl.JSONLStore(tmp_path / "b")
    source = await filled(whole_run("a"), cut(whole_run("b")), whole_run("c"))
    assert (await acopy_runs(source, files)).ok
    assert (await acopy_runs(files, memory)).ok
    assert memory.runs == source.runs
    assert (await acopy_runs(memory, again, ["a", "c"])).ok
    for run_id in ("a", "c"):
        assert await again.load(run_id) == await files.load(run_id) == await source.load(run_id)
