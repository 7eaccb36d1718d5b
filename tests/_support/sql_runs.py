"""Runs to store, and what a database holds of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lamella.events import (
    ApprovalResolved,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella.messages import Message
from lamella.running_text import RunningText
from lamella.specs import Sink
from lamella.usage import TokenUsage, add_usage

STARTED = 1_790_000_000.25
TABLES = ("runs", "messages", "blocks", "tool_calls", "responses", "usage")


def envelopes(
    events: Sequence[Event | tuple[tuple[str, ...], Event]], run_id: str = "3f2a9c"
) -> list[RunStreamEvent]:
    """Events, or paths and events, in envelopes, as the agent loop makes them."""
    text, usage, made = RunningText(), None, []
    for seq, item in enumerate(events):
        path, event = item if isinstance(item, tuple) else ((), item)
        if event.durable:
            usage = add_usage(usage, event.token_usage)
        made.append(
            RunStreamEvent(
                event=event, run_id=run_id, seq=seq, path=path, token_usage=usage, at=10.1 + seq / 7,
                start_time=10.1, first_token=11.3, text=text.feed(path, event),
            )
        )  # fmt: skip
    return made


def tool_run(
    run_id: str = "3f2a9c", *, started: float = STARTED, prompt: str = "What is 2 + 3?", **start: Any
) -> list[RunStreamEvent]:
    """Two responses, three calls: one that works, one that fails, one that is denied."""
    usage = TokenUsage(input_tokens=10, output_tokens=4, reasoning_tokens=0, raw={"prompt_tokens": 10})
    return envelopes(
        [
            StreamStart(
                agent="adder", provider="sim", model="demo", started_at=started, meta={"ticket": 7},
                input=(Message.system("Be exact."), Message.user(prompt)), **start,
            ),
            ReasoningDelta(delta="hm"),
            ReasoningDone(text="hm"),
            MessageOutputDelta(delta="I ad"),
            MessageOutputDelta(delta="d. 世界 🎉"),
            MessageOutputDone(output="I add. 世界 🎉"),
            ToolCallDelta(call_id="c1", name="add", delta='{"a": 2, "b": 3}'),
            ToolCallDone(call_id="c1", name="add", arguments_json='{"a": 2, "b": 3}'),
            ToolCallDone(call_id="c2", name="divide", arguments_json='{"a": 2, "b": 0}'),
            ToolCallDone(call_id="c3", name="delete", arguments_json="not json"),
            ResponseDone(
                stop_reason="tool_use", token_usage=usage, provider="sim", model="demo", raw={"body": 1}
            ),
            ToolStart(call_id="c1", name="add"),
            ToolStart(call_id="c2", name="divide"),
            ApprovalResolved(call_id="c3", name="delete", approved=False),
            ToolEnd(call_id="c2", name="divide", output="by zero", is_error=True),
            ToolOutputDone(id="c1", call_id="c1", name="add", output={"sum": 5, "a": 1.5e300}),
            ToolOutputDone(id="c2", call_id="c2", name="divide", output="by zero", is_error=True),
            ToolOutputDone(id="c3", call_id="c3", name="delete", output="denied", is_error=True),
            MessageOutputDelta(delta="5"),
            MessageOutputDone(output="5"),
            ResponseDone(token_usage=usage, provider="sim", model="demo-2", raw={"body": 2}),
            StreamEnd(output="5"),
        ],
        run_id,
    )  # fmt: skip


async def store_run(store: Sink, run: Sequence[RunStreamEvent], *, batch: int = 4) -> None:
    """One run, as the core gives it."""
    await store.open()
    try:
        for place in range(0, len(run), batch):
            await store.write(run[place : place + batch])
    finally:
        await store.close()


async def rows(url: str, query: str) -> list[dict[str, Any]]:
    """What a query finds, asked with the database's own driver: an analyst has no Lamella."""
    if url.startswith("postgresql"):
        import asyncpg

        connection = await asyncpg.connect(url)
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()
    file = sqlite3.connect(Path(url.removeprefix("sqlite:///")))
    file.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in file.execute(query)]
    finally:
        file.close()


async def execute(url: str, statement: str) -> None:
    """Change something behind the store's back."""
    if url.startswith("postgresql"):
        await rows(url, statement)
        return
    file = sqlite3.connect(Path(url.removeprefix("sqlite:///")), isolation_level=None, timeout=30)
    file.execute(statement)
    file.close()


async def derived(url: str) -> dict[str, list[str]]:
    """All rows of the tables that are made of events, in an order of their own; the clock is left out."""
    found = {}
    for table in TABLES:
        kept = [
            {name: value for name, value in row.items() if name != "heartbeat_at"}
            for row in await rows(url, f"SELECT * FROM {table}")
        ]
        found[table] = sorted(map(repr, kept))
    return found
