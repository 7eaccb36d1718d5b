"""Puts a run's events into their envelopes: number, place, text so far, usage so far, time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from lamella.events import Event, RunStreamEvent
from lamella.fold import Fold
from lamella.running_text import RunningText
from lamella.runs import RunResult

__all__ = ["Emitter", "new_run_id"]


def new_run_id() -> str:
    """A new run id: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class Emitter:
    """One run's envelope maker; it feeds the fold, which is the only aggregator."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.fold = Fold()
        self._text = RunningText()
        self._seq = 0
        self._start = time.perf_counter()
        self._shift = 0.0
        self._first_token: float | None = None

    def resume(self, envelopes: Sequence[RunStreamEvent]) -> None:
        """Go on behind the envelopes of a stored run; the time between is left out of its times."""
        for envelope in envelopes:
            self.fold.feed(envelope)
            self._text.feed(envelope.path, envelope.event)
        last = envelopes[-1]
        self._seq = last.seq + 1
        self._shift = last.at - time.perf_counter()
        self._start = last.start_time
        self._first_token = last.first_token

    def wrap(self, event: Event, path: tuple[str, ...] = ()) -> RunStreamEvent:
        """The next envelope of the run."""
        at = self._start if self._seq == 0 else time.perf_counter() + self._shift
        durable = event.durable
        if not durable and self._first_token is None:
            self._first_token = at
        mark = self._text.feed(path, event)
        envelope = RunStreamEvent(
            event=event,
            run_id=self.run_id,
            seq=self._seq,
            path=path,
            token_usage=self.fold.spend(event) if durable else self.fold.usage,
            at=at,
            start_time=self._start,
            first_token=self._first_token,
            text=mark,
        )
        self._seq += 1
        self.fold.take(envelope)
        return envelope

    def result(self) -> RunResult:
        """The fold of everything emitted so far."""
        return self.fold.result()
