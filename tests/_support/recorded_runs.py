"""Runs to record, and a store in memory that keeps them as any store does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamella.errors import AgentInputError
from lamella.events import (
    AgentEnd,
    AgentStart,
    Event,
    MessageOutputDelta,
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
from lamella.serial import restore
from lamella.serial.stored import RawPolicy, stored_form
from lamella.specs import RunSummary
from lamella.usage import TokenUsage

Item = Event | tuple[tuple[str, ...], Event]


def envelopes(
    items: Sequence[Item], run_id: str = "r", *, seconds: float = 0.25, start: float = 100.0
) -> list[RunStreamEvent]:
    """Events in their envelopes, ``seconds`` apart; those of nested agents with their paths."""
    placed = [item if isinstance(item, tuple) else ((), item) for item in items]
    made = [
        RunStreamEvent(
            event=event, path=path, run_id=run_id, seq=seq, at=start + seq * seconds, start_time=start
        )
        for seq, (path, event) in enumerate(placed)
    ]
    return restore([stored_form(each) for each in made])


def used(given: int, made: int) -> TokenUsage:
    return TokenUsage(input_tokens=given, output_tokens=made, total_tokens=given + made)


def whole_run(
    run_id: str = "r", *, question: str = "What is 2 + 3?", answer: str = "It is 5."
) -> list[RunStreamEvent]:
    """A run with a helper, deltas, payloads, and vendor state."""
    path = ("helper",)
    return envelopes(
        [
            StreamStart(agent="adder", provider="acme", model="m1", started_at=1_790_000_000.0,
                        settings={"temperature": 0.5}, system_instruction="Be kind.", input=(Message.user(question),)),
            ReasoningDone(summary="I add.", signature="abc", provider="acme"),
            ToolCallDone(call_id=f"c-{run_id}", name="helper", arguments_json='{"prompt": "2 + 3"}'),
            ResponseDone(stop_reason="tool_use", token_usage=used(10, 4), provider="acme", model="m1",
                         response_id=f"resp-{run_id}", raw={"id": f"resp-{run_id}", "text": "words"}),
            (path, AgentStart(agent="helper", provider="sim", model="demo", call_id=f"c-{run_id}")),
            (path, MessageOutputDone(output="5")),
            (path, ResponseDone(token_usage=used(3, 1))),
            (path, AgentEnd(agent="helper", output="5")),
            ToolOutputDone(call_id=f"c-{run_id}", name="helper", output="5"),
            MessageOutputDelta(delta=answer[:3]),
            MessageOutputDelta(delta=answer[3:]),
            MessageOutputDone(output=answer),
            ResponseDone(token_usage=used(20, 5), provider="acme", model="m1"),
            StreamEnd(output=answer),
        ],
        run_id,
    )  # fmt: skip


class KeepingStore:
    """A run store in memory, with the policies of real ones. ``lose`` changes what is kept of an event."""

    def __init__(
        self,
        *,
        deltas: bool = True,
        raw: RawPolicy = "full",
        lose: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda document: document,
    ) -> None:
        self.deltas = deltas
        self.raw = raw
        self.runs: dict[str, dict[int, dict[str, Any]]] = {}
        self.running: set[str] = set()
        self.claimed: list[str] = []
        self.batches: list[int] = []
        self.opened = 0
        self.fail_after: int | None = None
        self._lose = lose

    async def open(self) -> None:
        self.opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        self.batches.append(len(batch))
        if self.fail_after is not None and len(self.batches) > self.fail_after:
            raise OSError("the power went")
        for envelope in batch:
            if not self.deltas and not envelope.event.durable:
                continue
            document = self._lose(stored_form(envelope, self.raw))
            if document is not None:
                self.runs.setdefault(envelope.run_id, {}).setdefault(envelope.seq, document)

    async def close(self) -> None:
        self.opened -= 1

    async def claim(self, run_id: str, *, force: bool = False) -> None:
        self.claimed.append(run_id)

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        found = [each for each in self.runs if each.startswith(run_id)]
        if len(found) != 1:
            raise AgentInputError(f"no run {run_id!r}")
        return restore(self.runs[found[0]].values())

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        return [self._summary(run_id) for run_id in list(reversed(self.runs))[:limit]]

    def _summary(self, run_id: str) -> RunSummary:
        events = restore(self.runs[run_id].values())
        status = "running" if run_id in self.running else fold(events).status
        return RunSummary(run_id=run_id, status=status, events=events[-1].seq + 1)


def cut(events: Sequence[RunStreamEvent]) -> list[RunStreamEvent]:
    """A run whose process died."""
    return [event for event in events if not isinstance(event.event, StreamEnd | StreamError)]
