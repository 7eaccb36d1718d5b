"""A run store in memory: what it keeps went through JSON, as in any other."""

from __future__ import annotations

from collections.abc import Sequence

from lamella import AgentInputError, RunStreamEvent, RunSummary, fold
from lamella._json import dumps, loads
from lamella.serial import restore
from lamella.serial.stored import RawPolicy, stored_form

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps the lines of each run by ``seq``. ``batches`` are what was written, in order."""

    deltas = True

    def __init__(self, raw: RawPolicy = "full") -> None:
        self.raw: RawPolicy = raw
        self.lines: dict[str, dict[int, str]] = {}
        self.batches: list[list[RunStreamEvent]] = []
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.batches.append(list(batch))
        for envelope in batch:
            kept = self.lines.setdefault(envelope.run_id, {})
            kept.setdefault(envelope.seq, dumps(stored_form(envelope, self.raw)))

    async def close(self) -> None:
        self.closed += 1

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        if run_id not in self.lines:
            raise AgentInputError(f"no run {run_id!r}")
        return restore([loads(line) for _, line in sorted(self.lines[run_id].items())])

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        found = [fold(await self.load(run_id)) for run_id in reversed(self.lines)]
        return [RunSummary(run_id=run.run_id, status=run.status) for run in found[:limit]]

    def cut(self, run_id: str, seq: int) -> None:
        """Forget the events from ``seq`` on, as if the process had died there."""
        self.lines[run_id] = {n: line for n, line in self.lines[run_id].items() if n < seq}
