"""Runs for the tests of the store of JSON lines, and processes that write them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
)
from lamella.specs import Sink

STARTED = 1_790_000_000.25


def story(
    run_id: str = "3f2a9c", words: int = 6, *, started: float = STARTED, text: str = "word"
) -> list[RunStreamEvent]:
    """A run of ``words`` + 4 events."""
    events: list[Event] = [
        StreamStart(agent="teller", started_at=started),
        *(MessageOutputDelta(delta=f"{text} {number} ") for number in range(words)),
        MessageOutputDone(output="".join(f"{text} {number} " for number in range(words))),
        ResponseDone(),
        StreamEnd(output="told"),
    ]
    return [
        RunStreamEvent(event=event, run_id=run_id, seq=seq, at=10.0 + seq, start_time=10.0)
        for seq, event in enumerate(events)
    ]


async def give(sink: Sink, run: Sequence[RunStreamEvent], *, batch: int = 4, closes: bool = True) -> None:
    """Write a run as the core does; unless it ``closes``, it is left open."""
    await sink.open()
    for place in range(0, len(run), batch):
        await sink.write(run[place : place + batch])
    if closes:
        await sink.close()


def numbers(events: Sequence[RunStreamEvent]) -> list[int]:
    return [event.seq for event in events]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


_CHILD = """
import asyncio, sys
sys.path.insert(0, {support!r})
from json_lines import story
from lamella_jsonl import JSONLStore

async def main():
    store = JSONLStore({folder!r}, **{settings!r})
    run = story({run_id!r}, {words})
    await store.open()
    for place in range({begin}, {end}, {batch}):
        await store.write(run[place : min({end}, place + {batch})])
        print(min({end}, place + {batch}), flush=True)
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@contextmanager
def writing_process(
    folder: Path,
    run_id: str,
    *,
    words: int = 6,
    begin: int = 0,
    end: int = 3,
    batch: int = 4,
    **settings: Any,
) -> Iterator[subprocess.Popen[str]]:
    """A process that writes the events from ``begin`` to ``end`` of a story, says how far it is, and holds the run open."""
    code = _CHILD.format(
        support=str(Path(__file__).parent), folder=str(folder), settings=settings, run_id=run_id,
        words=words, begin=begin, end=end, batch=batch,
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_open(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line == "open\n":
            return
    raise AssertionError("the process ended before it had written its events")
