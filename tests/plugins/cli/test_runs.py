"""``lamella runs``: what was stored, as people and programs read it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lamella.content import MediaContent
from lamella.events import (
    AgentEnd,
    AgentStart,
    Event,
    MessageOutputDone,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolCallDone,
    ToolOutputDone,
)
from lamella.fold import fold
from lamella.messages import Message
from lamella.serial import restore, to_dict
from lamella.usage import TokenUsage
from lamella_jsonl import JSONLStore

USAGE = TokenUsage(input_tokens=10, output_tokens=4)


def keep(
    folder: Path, run_id: str, items: Sequence[Event | tuple[tuple[str, ...], Event]]
) -> list[RunStreamEvent]:
    placed = [item if isinstance(item, tuple) else ((), item) for item in items]
    run = [
        RunStreamEvent(
            event=event, path=path, run_id=run_id, seq=seq, token_usage=USAGE, at=10.5, start_time=10.0
        )
        for seq, (path, event) in enumerate(placed)
    ]

    async def write() -> None:
        store = JSONLStore(folder / ".lamella" / "runs")
        await store.open()
        await store.write(run)
        await store.close()

    asyncio.run(write())
    return run


def tool_run(folder: Path, run_id: str = "3f2a9c") -> list[RunStreamEvent]:
    path = ("helper",)
    question = Message.user(["What is\n2 + 3?", MediaContent(data=b"12345", mime_type="image/png")])
    return keep(
        folder, run_id,
        [
            StreamStart(agent="adder", provider="acme", model="m1", started_at=1_790_000_000.0, input=(question,)),
            ReasoningDone(summary="I add."),
            ToolCallDone(call_id="c1", name="helper", arguments_json='{"prompt": "2 + 3"}'),
            ResponseDone(stop_reason="tool_use", token_usage=USAGE),
            (path, AgentStart(agent="helper", provider="sim", model="demo")),
            (path, MessageOutputDone(output="5")),
            (path, ResponseDone(token_usage=USAGE)),
            (path, AgentEnd(agent="helper", output="5")),
            ToolOutputDone(call_id="c1", name="helper", output="5"),
            MessageOutputDone(output="It is \x1b[31m5."),
            ResponseDone(token_usage=USAGE),
            StreamEnd(output="It is 5."),
        ],
    )  # fmt: skip


def test_no_runs_is_no_error(lamella: Any) -> None:
    ended = lamella("runs", "list")
    assert (ended.code, ended.out) == (0, "")
    assert "no runs are stored yet" in ended.err
    assert json.loads(lamella("runs", "list", "--json").out) == []


def test_the_list_is_newest_first(lamella: Any, folder: Path) -> None:
    for number in range(3):
        keep(folder, f"run{number}", [StreamStart(started_at=1_790_000_000.0 + number), StreamEnd()])
    rows = lamella("runs", "list").out.splitlines()
    assert [row.split()[0] for row in rows] == ["RUN", "run2", "run1", "run0"]
    assert len(lamella("runs", "list", "--limit", "2").out.splitlines()) == 3
    listed = json.loads(lamella("runs", "list", "--json", "--limit", "1").out)
    assert [(run["run_id"], run["status"]) for run in listed] == [("run2", "completed")]
    assert lamella("runs", "list", "--limit", "0").code == 2


def test_without_an_id_the_newest_run_is_shown(lamella: Any, folder: Path) -> None:
    assert "no runs are stored yet" in lamella("runs", "show").err
    for number in range(3):
        keep(folder, f"run{number}", [StreamStart(started_at=1_790_000_000.0 + number), StreamEnd()])
    assert "run       run2\n" in lamella("runs", "show").out


def test_a_run_is_shown_with_messages_tools_usage_and_outcome(lamella: Any, folder: Path) -> None:
    tool_run(folder)
    ended = lamella("runs", "show", "3f2")
    assert ended.code == 0
    text = ended.out
    for line in (
        "run       3f2a9c", "status    completed (end_turn)", "agent     adder", "model     acme:m1",
        "time      0.5 s", "tokens    30 in, 12 out tokens", "events    12",
        "user:      What is", "           2 + 3?", "user:      [image/png, 5 bytes]",
        "assistant: (thinking) I add.", 'assistant: helper({"prompt": "2 + 3"})', "tool:      helper: 5",
        "assistant: It is ␛[31m5.", "agents:", "  helper on sim:demo: 10 in, 4 out tokens",
    ):  # fmt: skip
        assert f"{line}\n" in text, text
    assert "\x1b" not in text


def test_the_result_as_json_is_the_fold(lamella: Any, folder: Path) -> None:
    run = tool_run(folder)
    assert json.loads(lamella("runs", "show", "3f2a9c", "--json").out) == to_dict(fold(run))


def test_the_events_one_by_one(lamella: Any, folder: Path) -> None:
    run = tool_run(folder)
    lines = lamella("runs", "show", "3f2a9c", "--events").out.splitlines()
    assert len(lines) == len(run)
    assert lines[4].split()[:4] == ["4", "0.500", "[helper]", "agent.start"]
    events = json.loads(lamella("runs", "show", "3f2a9c", "--events", "--json").out)
    assert fold(restore(events)) == fold(run)


@pytest.mark.parametrize(
    ("code", "status"), [("agent.cancelled", "cancelled"), ("api.rate_limited", "failed")]
)
def test_a_run_that_failed_says_why(lamella: Any, folder: Path, code: str, status: str) -> None:
    keep(folder, "bad", [StreamStart(), StreamError(error="no more", code=code)])
    ended = lamella("runs", "show", "bad")
    assert ended.code == 0
    assert f"status    {status}\n" in ended.out
    assert f"error     no more [{code}]\n" in ended.out


def test_an_unknown_run_names_the_nearest(lamella: Any, folder: Path) -> None:
    tool_run(folder)
    ended = lamella("runs", "show", "3f2a9d")
    assert ended.code == 2
    assert "did you mean 3f2a9c?" in ended.err


def test_a_run_that_was_killed_before_its_first_event_says_so(lamella: Any, folder: Path) -> None:
    runs = folder / ".lamella" / "runs"
    runs.mkdir(parents=True)
    (runs / "20261121T111953.762Z-3f2a9c.jsonl").touch()
    ended = lamella("runs", "show")
    assert ended.code == 2
    assert "run '3f2a9c' is stored without an event" in ended.err
