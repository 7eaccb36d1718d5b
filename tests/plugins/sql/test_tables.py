"""The derived tables: what an analyst finds, made of the events as they come, or anew."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    AttemptStart,
    GuardrailOverride,
    MessageOutputDone,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDone,
    ToolOutputDone,
    ToolStart,
)
from lamella.fold import fold
from lamella.messages import Message
from lamella.usage import BUCKETS, TokenUsage
from lamella_sql import SQLStore
from lamella_sql._tables import METADATA

from sql_runs import STARTED, derived, envelopes, execute, rows, store_run, tool_run
from strategies import run_envelopes

ROOT = Path(__file__).parents[3]
README = ROOT / "plugins" / "sql" / "README.md"
PAGE = ROOT / "docs" / "reference" / "sql.md"


def queries(path: Path) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


async def test_the_run_is_one_row(url: str) -> None:
    await store_run(SQLStore(url), tool_run())
    (row,) = await rows(url, "SELECT * FROM runs")
    assert (row["id"], row["status"], row["kind"], row["events"]) == ("3f2a9c", "completed", "messages", 22)
    assert (row["input"], row["output"], row["stop_reason"]) == ("What is 2 + 3?", "5", "end_turn")
    assert (row["started_at"], row["total_tokens"], json.loads(row["meta"])) == (STARTED, 28, {"ticket": 7})
    assert row["duration"] == pytest.approx(3)
    assert row["ended_at"] == pytest.approx(STARTED + 3)
    assert row["writer"] is row["error"] is None


async def test_f_sto02_messages_and_blocks_are_those_of_the_fold(url: str) -> None:
    """F-STO02: messages and their blocks, input included."""
    await store_run(SQLStore(url), tool_run())
    result = fold(tool_run())
    stored = await rows(url, "SELECT * FROM messages ORDER BY idx")
    assert [row["role"] for row in stored] == [message.role for message in result.history]
    assert [row["text"] for row in stored] == [message.text for message in result.history]
    assert [bool(row["is_input"]) for row in stored] == [True, True, False, False, False]
    parts = await rows(url, "SELECT * FROM blocks ORDER BY message, idx")
    assert [row["type"] for row in parts] == [
        block.type
        for message in result.history
        for block in message.content  # type: ignore[attr-defined]
    ]
    assert [row["call_id"] for row in parts if row["type"] == "tool_output"] == ["c1", "c2", "c3"]


async def test_tool_calls_say_what_came_of_them(url: str) -> None:
    await store_run(SQLStore(url), tool_run())
    calls = await rows(url, "SELECT * FROM tool_calls ORDER BY idx")
    assert [(row["name"], row["status"], row["turn"]) for row in calls] == [
        ("add", "completed", 0), ("divide", "failed", 0), ("delete", "denied", 0),
    ]  # fmt: skip
    add, divide, delete = calls
    assert json.loads(add["arguments"]) == {"a": 2, "b": 3}
    assert delete["arguments"] is None
    assert json.loads(add["output"]) == {"sum": 5, "a": 1.5e300}
    assert [row["is_error"] for row in calls] == [False, True, True]
    assert add["requested_at"] < add["started_at"] < divide["ended_at"] < add["ended_at"]
    assert delete["started_at"] is None


async def test_calls_on_their_way_show_where_they_are(url: str) -> None:
    store, run = SQLStore(url), tool_run()
    await store.open()
    seen = []
    for end in (8, 12):
        await store.write(run[:end])
        seen.append([row["status"] for row in await rows(url, "SELECT status FROM tool_calls ORDER BY idx")])
    await store.close()
    assert seen == [["requested"], ["running", "requested", "requested"]]


async def test_a_call_that_was_running_when_the_process_died_is_unknown(url: str) -> None:
    run = tool_run()[:13]
    resumed = StreamResumed(started_at=STARTED + 60, unknown=("c1", "c2"))
    more = [resumed, AttemptRollback(code="run.resumed"), ToolStart(call_id="c2", name="divide"),
            ToolOutputDone(call_id="c1", output="nobody knows", is_error=True),
            ToolOutputDone(call_id="c2", output=4)]  # fmt: skip
    run = envelopes([*(event.event for event in run), *more])
    await store_run(SQLStore(url), run)
    calls = await rows(url, "SELECT status, started_at, output FROM tool_calls ORDER BY idx")
    assert [row["status"] for row in calls] == ["unknown", "completed", "requested"]
    assert calls[0]["output"] == "nobody knows"
    assert calls[1]["started_at"] == pytest.approx(STARTED + 60 + 2 / 7)


async def test_usage_is_a_row_for_each_bucket_that_was_reported(url: str) -> None:
    await store_run(SQLStore(url), tool_run())
    found = await rows(url, "SELECT model, bucket, quantity FROM usage ORDER BY seq, bucket")
    assert [tuple(row.values()) for row in found] == [
        (model, bucket, quantity)
        for model in ("demo", "demo-2")
        for bucket, quantity in (("input_tokens", 10), ("output_tokens", 4), ("reasoning_tokens", 0))
    ]


STORY: list[Any] = [
    StreamStart(input=(Message.user("go"),), started_at=5.0, model="m"),
    AttemptStart(attempt=1, provider="p", model="m1"),
    MessageOutputDone(output="wrong"),
    ToolCallDone(call_id="x", name="lost", arguments_json="{}"),
    AttemptRollback(attempt=1, token_usage=TokenUsage(input_tokens=1), visible=True),
    AttemptStart(attempt=2),
    MessageOutputDone(output="let me ask"),
    ToolCallDone(call_id="x", name="ask", arguments_json='{"q": 1}'),
    ResponseDone(stop_reason="tool_use", token_usage=TokenUsage(input_tokens=2)),
    (("x",), AgentStart(agent="inner", input=(Message.user("q"),), call_id="x")),
    (("x",), MessageOutputDone(output="inner answer")),
    (("x",), ResponseDone(token_usage=TokenUsage(input_tokens=4), cached=True)),
    (("x",), AgentEnd(agent="inner", output="inner answer")),
    ToolOutputDone(call_id="x", name="ask", output="inner answer"),
    MessageOutputDone(output="42"),
    ResponseDone(),
    OutputRejected(told="not a number"),
    MessageOutputDone(output="secret"),
    MessageOutputDone(output=" 43"),
    ResponseDone(token_usage=TokenUsage(input_tokens=8)),
    GuardrailOverride(output="safe"),
    ToolCallDone(call_id="y", name="cut"),
    StreamError(error="gone", code="agent.cancelled"),
]


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_the_tables_tell_the_whole_story(url: str, batch: int) -> None:
    store, run = SQLStore(url), envelopes(STORY)
    await store_run(store, run, batch=batch)
    texts = await rows(url, "SELECT path, role, text FROM messages ORDER BY path, idx")
    assert [tuple(row.values()) for row in texts] == [
        ("", "user", "go"), ("", "assistant", "let me ask"), ("", "user", ""), ("", "assistant", "42"),
        ("", "user", "not a number"), ("", "assistant", "safe"), ("", "assistant", ""),
        ("/x", "user", "q"), ("/x", "assistant", "inner answer"),
    ]  # fmt: skip
    assert [row["name"] for row in await rows(url, "SELECT name FROM tool_calls ORDER BY idx")] == [
        "ask",
        "cut",
    ]
    assert len(await rows(url, "SELECT * FROM blocks WHERE message = 5")) == 1
    told = await rows(url, "SELECT path, response, outcome, cached FROM responses ORDER BY seq")
    assert [tuple(row.values())[:3] for row in told] == [
        ("", 0, "rollback"), ("", 0, "done"), ("/x", 0, "done"), ("", 1, "done"), ("", 2, "done"),
    ]  # fmt: skip
    assert [bool(row["cached"]) for row in told] == [False, False, True, False, False]
    (row,) = await rows(url, "SELECT status, error, error_code FROM runs")
    assert tuple(row.values()) == ("cancelled", "gone", "agent.cancelled")
    before = await derived(url)
    assert await store.rebuild() == 1
    assert await derived(url) == before


async def test_rebuilding_repairs_what_was_spoilt(url: str) -> None:
    store = SQLStore(url)
    for run_id in ("one", "two"):
        await store_run(store, tool_run(run_id))
    await store.open()
    await store.write(tool_run("open")[:9])
    before = await derived(url)
    for spoilt in (
        "DELETE FROM blocks",
        "UPDATE tool_calls SET status = 'x'",
        "UPDATE runs SET output = 'x'",
    ):
        await execute(url, spoilt)
    assert await derived(url) != before
    assert await store.rebuild("one") == 1
    assert await derived(url) != before
    assert await store.rebuild() == 3
    assert await derived(url) == before
    await store.close()


def settled(run: list[RunStreamEvent]) -> bool:
    """Whether the last response of each agent is complete: what is still open is in the fold, and not in the tables."""
    return bool(run) and isinstance(run[-1].event, StreamEnd | StreamError)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables: to make them anew for each example takes long."""
    path = tmp_path_factory.mktemp("empty") / "runs.db"

    async def make() -> None:
        store = SQLStore(path)
        await store.open()
        await store.close()

    asyncio.run(make())
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=run_envelopes())
async def test_f_sto01_any_run_comes_back_and_its_tables_are_those_of_the_fold(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, run: list[RunStreamEvent]
) -> None:
    """F-STO01, F-STO02: for whatever the agent loop may emit."""
    path = Path(shutil.copy(empty, tmp_path_factory.mktemp("any")))
    store = SQLStore(path)
    await store_run(store, run, batch=3)
    loaded, url = await store.load("r"), f"sqlite:///{path}"
    result = fold(run)
    assert fold(loaded) == result
    before = await derived(url)
    await store.rebuild()
    assert await derived(url) == before
    if settled(run):
        stored = await rows(url, "SELECT role, text FROM messages WHERE path = '' ORDER BY idx")
        assert [row["role"] for row in stored] == [message.role for message in result.history]
        sums = await rows(url, "SELECT bucket, sum(quantity) AS total FROM usage GROUP BY bucket")
        told = {} if result.token_usage is None else {
            bucket: getattr(result.token_usage, bucket) for bucket in BUCKETS
            if getattr(result.token_usage, bucket) is not None
        }  # fmt: skip
        assert {row["bucket"]: row["total"] for row in sums} == told


@pytest.mark.parametrize("page", [README, PAGE], ids=["readme", "reference"])
async def test_the_queries_of_the_documents_run(url: str, page: Path) -> None:
    await store_run(SQLStore(url), tool_run("3f2a"))
    await store_run(SQLStore(url), tool_run("3f2b", forked_from="3f2a", forked_at=9))
    found = queries(page)
    assert len(found) >= 3
    results = [await rows(url, query) for query in found]
    assert sum(map(bool, results)) >= len(found) - 1  # nothing was left behind


def test_the_reference_names_every_column() -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL))
    assert set(sections) - {"lamella_version"} == set(METADATA.tables)
    for name, table in METADATA.tables.items():
        assert re.findall(r"^\| `(\w+)` \|", sections[name], re.MULTILINE) == [
            column.name for column in table.columns
        ], name
