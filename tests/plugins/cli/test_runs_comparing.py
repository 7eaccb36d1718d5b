"""``lamella runs replay``, ``diff``, ``reprice``: stored runs shown again, compared, priced anew."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lamella.fold import fold
from lamella.serial import restore

from recorded_runs import whole_run


@pytest.fixture
def runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from lamella_jsonl import JSONLStore

    async def write() -> None:
        for run in (
            whole_run("aaa"),
            whole_run("bbb"),
            whole_run("ccc", question="Who?", answer="\x1b[31mMe."),
        ):
            store = JSONLStore(folder / ".lamella" / "runs")
            await store.open()
            await store.write(run)
            await store.close()

    asyncio.run(write())
    (folder / "lamella.toml").write_text('[prices]\n"acme:m1" = [1000, 1000]\n', encoding="utf-8")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a replay would have slept."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 1))

    monkeypatch.setattr(
        "lamella.recordings.replaying.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep})
    )
    return slept


@pytest.mark.usefixtures("runs")
def test_a_replay_shows_the_run_as_it_went(lamella: Any, waits: list[float]) -> None:
    ended = lamella("runs", "replay", "aaa")
    assert ended.code == 0, ended.err
    assert "It is 5." in ended.out
    assert "helper" in ended.err
    assert max(waits) == pytest.approx(13 * 0.25, abs=0.2), (
        "nobody slept, so that all waits are from the start"
    )


@pytest.mark.usefixtures("runs")
def test_a_replay_at_another_pace(lamella: Any, waits: list[float]) -> None:
    assert lamella("runs", "replay", "aaa", "--speed", "2", "--max-wait", "0.1").code == 0
    assert max(waits) == pytest.approx(13 * 0.1, abs=0.2)
    waits.clear()
    assert lamella("runs", "replay", "--speed", "inf").code == 0
    assert waits == []
    for wrong in (["--speed", "0"], ["--speed", "x"], ["--max-wait", "-1"]):
        assert lamella("runs", "replay", "aaa", *wrong).code == 2


@pytest.mark.usefixtures("runs", "waits")
def test_a_replay_as_lines_of_json(lamella: Any) -> None:
    ended = lamella("runs", "replay", "aaa", "--json")
    events = restore([json.loads(line) for line in ended.out.splitlines()])
    assert events == whole_run("aaa")
    assert fold(events) == fold(whole_run("aaa"))


@pytest.mark.usefixtures("runs")
def test_runs_that_are_the_same(lamella: Any) -> None:
    ended = lamella("runs", "diff", "aaa", "bbb")
    assert (ended.code, ended.out) == (0, "aaa and bbb are the same\n")
    strict = lamella("runs", "diff", "aaa", "bbb", "--strict")
    assert strict.code == 1
    assert "run, response 1: response_id\n  -resp-aaa\n  +resp-bbb\n" in strict.out


@pytest.mark.usefixtures("runs")
def test_runs_that_are_not(lamella: Any) -> None:
    ended = lamella("runs", "diff", "a", "c")
    assert ended.code == 1
    assert ended.out.startswith("--- aaa\n+++ ccc\n\nrun: input\n")
    assert "run, response 2: text\n  -It is 5.\n  +␛[31mMe.\n" in ended.out
    document = json.loads(lamella("runs", "diff", "a", "c", "--json").out)
    assert document["same"] is False
    assert (document["a"], document["b"]) == ("aaa", "ccc")
    assert document["differences"][1] == {
        "path": [], "turn": 1, "what": "text", "before": "It is 5.", "after": "\x1b[31mMe."
    }  # fmt: skip
    assert lamella("runs", "diff", "aaa", "ddd").code == 2


@pytest.mark.usefixtures("runs")
def test_what_runs_cost_now(lamella: Any) -> None:
    ended = lamella("runs", "reprice", "aaa", "bbb")
    assert ended.code == 0, ended.err
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[0] == ["RUN", "MODEL", "RESPONSES", "AT", "ITS", "TIME", "NOW"]
    assert rows[1:] == [
        ["aaa", "acme:m1", "2", "$0.039", "$0.039"],
        ["aaa", "sim:demo", "1", "unknown", "unknown"],
        ["bbb", "acme:m1", "2", "$0.039", "$0.039"],
        ["bbb", "sim:demo", "1", "unknown", "unknown"],
        ["total", "6", "unknown", "unknown"],
    ]
    assert "nobody prices sim:demo" in ended.err


@pytest.mark.usefixtures("runs")
def test_what_runs_cost_as_json_and_at_a_time(lamella: Any) -> None:
    document = json.loads(lamella("runs", "reprice", "--all", "--at", "2026-01-01", "--json").out)
    assert (document["amount"], document["known_amount"], document["unpriced"]) == (
        None,
        "0.117",
        ["sim:demo"],
    )
    first = document["responses"][0]
    assert (first["run_id"], first["model"], first["cost"]["amount"], first["usage"]["total_tokens"]) == (
        "aaa", "m1", "0.014", 14
    )  # fmt: skip
    assert "2026-01-01" in lamella("runs", "reprice", "aaa", "--at", "2026-01-01T12:00").out
    wrong = lamella("runs", "reprice", "aaa", "--at", "yesterday")
    assert wrong.code == 2
    assert "'yesterday' is no time" in wrong.err
