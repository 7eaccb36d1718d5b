"""An agent that makes events as fast as it can, and a sink that is slow: what is held in between, as JSON.

``python hasty.py wait|shed|journal DELTAS`` runs it in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from lamella import Agent, Journal, MessageOutputDelta, Model, RunStreamEvent, fold
from lamella.events import Event, MessageOutputDone, ResponseDone
from lamella.models import Capabilities

from fakes import bare
from memory_store import MemoryStore
from peak import peak_kilobytes

__all__ = ["Hasty", "Slow"]

PIECE = "word "


class Hasty(Model):
    """Streams so many deltas, and waits for nothing. ``made`` counts them."""

    provider = "fake"
    model = "hasty"

    def __init__(self, deltas: int) -> None:
        self.deltas = deltas
        self.made = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def stream(self, request: Any) -> AsyncIterator[Event]:
        for number in range(self.deltas):
            self.made = number + 1
            yield MessageOutputDelta(delta=PIECE)
            if number % 256 == 0:
                await asyncio.sleep(0)  # as where bytes come from a network
        yield MessageOutputDone(output=PIECE * self.deltas)
        yield ResponseDone()


class Slow(MemoryStore):
    """Takes so many seconds for each batch; keeps the durable events, and counts the deltas."""

    def __init__(self, model: Hasty, seconds: float) -> None:
        super().__init__()
        self.model = model
        self.seconds = seconds
        self.taken = self.behind = self.blocks = self.largest = self.count = 0
        self.durable: list[RunStreamEvent] = []

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        await asyncio.sleep(self.seconds)
        self.behind = max(self.behind, self.model.made - self.taken)
        self.blocks = max(self.blocks, sys.getallocatedblocks())
        self.largest = max(self.largest, len(batch))
        self.count += 1
        self.taken += sum(not each.event.durable for each in batch)
        self.durable += [each for each in batch if each.event.durable]


class _Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def _warm() -> None:
    await Agent(Hasty(300), project=bare(), sinks=[MemoryStore()]).arun("go")


def _peak() -> int:
    return peak_kilobytes()


async def _measured(way: str, deltas: int) -> dict[str, Any]:
    told = _Told()
    logging.getLogger("lamella").addHandler(told)
    await _warm()
    model = Hasty(deltas)
    store = Slow(model, 0.05)
    given: dict[str, Any] = {"sinks": [store], "slow_sinks": way}
    if way == "journal":
        given = {"journal": Journal(store)}
    blocks, memory, begun = sys.getallocatedblocks(), _peak(), time.monotonic()
    stream = Agent(model, project=bare(), **given).astream("go")
    shown = [event async for event in stream if event.event.durable]
    result = stream.result
    return {
        "output": result.output == PIECE * deltas,
        "made": model.made,
        "stored": store.taken,
        "behind": store.behind,
        "largest": store.largest,
        "batches": store.count,
        "blocks": store.blocks - blocks,
        "kilobytes": _peak() - memory,
        "seconds": round(time.monotonic() - begun, 2),
        "durable": [each.type for each in store.durable] == [each.type for each in shown],
        "folds": fold(store.durable) == result,
        "told": told.lines,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(sys.argv[1], int(sys.argv[2])))))
