"""A correct sink passes the kit: a run store with everything, one of other policies, and the smallest of sinks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ledger_suites import ledger_suite

import lamella.events
from lamella import AgentInputError, Event, RunStreamEvent, RunSummary, fold
from lamella_testing import SinkConformance
from lamella_testing.sinks.stories import WORDS, every_event, stories

TestLedger = ledger_suite()
TestLedgerOfFewWords = ledger_suite(plugin=None, settings=None, options={"deltas": False, "raw": "dropped"})
TestLedgerRedacted = ledger_suite(
    plugin=None, settings=None, options={"raw": "redacted"}, secret=None, kills=1
)


class Counting:
    """The smallest sink."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    async def open(self) -> None:
        """A run begins."""

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.counts.update(envelope.type for envelope in batch)

    async def close(self) -> None:
        """A run ended."""


class TestTheLeast(SinkConformance):
    def make_sink(self) -> Counting:
        return Counting()


class MemoryStore:
    """Keeps runs in memory: it cannot be opened again."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[int, RunStreamEvent]] = {}

    async def open(self) -> None:
        """A run begins."""

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        for envelope in batch:
            self.runs.setdefault(envelope.run_id, {}).setdefault(envelope.seq, envelope)

    async def close(self) -> None:
        """A run ended."""

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        if run_id not in self.runs:
            raise AgentInputError(
                f"no run {run_id!r} is in memory; there are {', '.join(self.runs) or 'none'}"
            )
        return list(self.runs[run_id].values())

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        found = [self.summary(list(events.values())) for events in self.runs.values()]
        return sorted(found, key=lambda each: each.started_at or 0, reverse=True)[:limit]

    def summary(self, events: Sequence[RunStreamEvent]) -> RunSummary:
        start: Any = events[0].event
        result = fold(events)
        asked = [message.text for message in start.input if message.role != "system"]
        return RunSummary(
            run_id=result.run_id,
            status=result.status,
            total_tokens=None
            if events[-1].token_usage is None
            else events[-1].token_usage.resolved_total_tokens,
            prompt=asked[0][:200] if asked else None,
            **{
                name: getattr(start, name)
                for name in ("agent", "provider", "model", "started_at", "conversation", "forked_from")
            },
        )


class TestMemoryStore(SinkConformance):
    prefixes = False

    def make_sink(self) -> MemoryStore:
        return MemoryStore()


def test_every_event_of_the_core_is_tried() -> None:
    """An event that is added to the core is added to the kit."""
    core = {
        each
        for each in vars(lamella.events).values()
        if isinstance(each, type) and issubclass(each, Event) and each is not Event
    }
    assert core <= {type(event) for event in every_event()}


def test_the_catalogue_ends_in_every_way() -> None:
    catalogue = stories()
    assert {told.live.status for told in catalogue} == {"completed", "failed", "cancelled", "interrupted"}
    assert len({told.run_id for told in catalogue}) == len(catalogue) >= 19
    assert (
        any(WORDS in repr(envelope.event.raw_event) for told in catalogue for envelope in told.events)
        is False
    )
    assert {envelope.path for told in catalogue for envelope in told.events} >= {
        (),
        ("helper",),
        ("helper", "expert"),
    }
