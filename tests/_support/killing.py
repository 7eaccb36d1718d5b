"""Kills processes that write to a run store, and looks at what is left.

``kill_writers("sqlite:///runs.db", kills=50)`` starts writers one after the other and kills each with SIGKILL at a
random moment; ``await check(store, killed)`` says what of each run is there. A store is named by what opens it:
``jsonl:FOLDER``, ``rotating:FOLDER`` (in small files that follow each other), ``indexed:FOLDER`` (in larger ones),
``sqlite:///FILE``, ``postgresql://…``.

The writers are forked from one process that has imported everything: a kill takes milliseconds, and finds them
anywhere in their work. Each notes in a file what the store has acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import attrs

from lamella.events import (
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolOutputDone,
    ToolStart,
)
from lamella.fold import fold
from lamella.messages import Message
from lamella.specs import RunStore
from lamella.usage import TokenUsage, add_usage

__all__ = ["Killed", "check", "kill_writers", "make_store", "stream"]

LONGEST = 0.15
"""Seconds that a writer lives at most after it has begun to write."""

EARLY = 0.2
"""The share of writers that are killed while they open the store, or soon after."""

_JSONL: dict[str, dict[str, Any]] = {
    "jsonl": {},
    "rotating": {"layout": "rotating", "max_bytes": 100_000},
    "indexed": {"layout": "rotating", "max_bytes": 1_200_000},
}


@attrs.frozen
class Killed:
    """A run whose writer was killed. ``acknowledged`` is the number of the last event that was, -1 for none."""

    run_id: str
    acknowledged: int


def make_store(spec: str, **options: Any) -> RunStore:
    """The store of a name."""
    kind, _, folder = spec.partition(":")
    if kind in _JSONL:
        from lamella_jsonl import JSONLStore

        return JSONLStore(folder, **_JSONL[kind], **options)
    from lamella_sql import SQLStore

    return SQLStore(spec, **options)


def stream(run_id: str) -> Iterator[RunStreamEvent]:
    """A run without end, the same whenever it is asked for: mostly deltas, with turns, reasoning and tools."""
    usage: TokenUsage | None = None
    for seq, event in enumerate(_events(run_id)):
        usage = add_usage(usage, event.token_usage)
        yield RunStreamEvent(
            event=event, run_id=run_id, seq=seq, token_usage=usage, at=5.0 + seq / 3, start_time=5.0
        )


def _events(run_id: str) -> Iterator[Event]:
    yield StreamStart(agent="writer", started_at=1_790_000_000.5, input=(Message.user(f"Go on, {run_id}."),))
    for turn in count():
        pieces = [f"w{turn}-{place} 世 " for place in range(40)]
        yield ReasoningDelta(delta="hm")
        yield ReasoningDone(text="hm")
        yield from (MessageOutputDelta(delta=piece) for piece in pieces)
        yield MessageOutputDone(output="".join(pieces))
        call = f"call-{turn}"
        yield ToolCallDelta(call_id=call, name="add", delta='{"n": 1}')
        yield ToolCallDone(call_id=call, name="add", arguments_json='{"n": 1}')
        yield ResponseDone(
            stop_reason="tool_use", token_usage=TokenUsage(input_tokens=turn, output_tokens=40)
        )
        yield ToolStart(call_id=call, name="add")
        yield ToolOutputDone(id=call, call_id=call, name="add", output={"n": turn})


# -- killing --------------------------------------------------------------------------------------


def kill_writers(spec: str, kills: int, seed: int = 0) -> list[Killed]:
    """Kill so many writers, each of a run of its own; the store need not exist before."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), spec, str(kills), str(seed)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"the writers' parent failed: {done.stderr[-4000:]}"
    return [Killed(**json.loads(line)) for line in done.stdout.splitlines()]


async def check(store: RunStore, killed: Sequence[Killed]) -> int:
    """Every acknowledged event is there once, as it was written; nothing is torn; the runs count as interrupted.

    Returns how many of the runs have left anything.

    :raises AssertionError: that is not so.
    """
    listed = {summary.run_id: summary for summary in await store.list()}
    assert len(listed) == len(await store.list()), "a run is listed twice"
    left = 0
    for one in killed:
        if one.run_id not in listed:
            assert one.acknowledged < 0, f"run {one.run_id} is lost, with {one.acknowledged + 1} events"
            continue
        loaded = await store.load(one.run_id)
        assert len(loaded) > one.acknowledged, (
            f"run {one.run_id}: {one.acknowledged + 1} events were acknowledged, {len(loaded)} are there"
        )
        written = list(islice(stream(one.run_id), len(loaded)))
        assert list(loaded) == written, f"run {one.run_id}: what is there is not what was written"
        if not loaded:
            continue
        left += 1
        assert fold(loaded) == fold(written)
        assert listed[one.run_id].status == "interrupted", f"run {one.run_id}: {listed[one.run_id].status}"
    return left


async def _write_on(spec: str, run_id: str, acknowledged: int, seed: int, begin: int) -> None:
    """Write until the end comes from outside; say in ``begin`` when it begins."""
    dice, events = random.Random(seed), stream(run_id)
    store = make_store(spec)
    await store.open()
    os.write(begin, b".")
    while True:
        batch = list(islice(events, dice.choice((1, 1, 3, 17, 64, 256))))
        await store.write(batch)
        os.pwrite(acknowledged, f"{batch[-1].seq:12d}".encode(), 0)


def _kill_one(spec: str, run_id: str, dice: random.Random) -> Killed:
    file = os.memfd_create("acknowledged") if hasattr(os, "memfd_create") else _scratch_file()
    began, begin = os.pipe()
    seed, early = dice.randrange(10**9), dice.random() < EARLY
    writer = os.fork()
    if writer == 0:
        try:
            asyncio.run(_write_on(spec, run_id, file, seed, begin))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(begin)  # so that a writer that ends by itself is not waited for
    if not early:
        os.read(began, 1)
    time.sleep(dice.random() * LONGEST)
    os.kill(writer, signal.SIGKILL)
    _, status = os.waitpid(writer, 0)
    assert os.WIFSIGNALED(status), f"the writer of {run_id} ended by itself"
    told = os.pread(file, 12, 0)
    for each in (file, began):
        os.close(each)
    return Killed(run_id, int(told) if told else -1)


def _scratch_file() -> int:
    import tempfile

    file, path = tempfile.mkstemp()
    os.unlink(path)
    return file


def _main(spec: str, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    asyncio.run(_warm(spec))
    for number in range(kills):
        killed = _kill_one(spec, f"run-{seed}-{number}", dice)
        print(json.dumps(attrs.asdict(killed)), flush=True)


async def _warm(spec: str) -> None:
    """Import what a store needs, and make its tables, before the first fork."""
    store = make_store(spec)
    await store.open()
    await store.write(list(islice(stream("warm"), 2)))
    await store.close()


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
