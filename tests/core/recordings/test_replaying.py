"""Replay: stored events at the times they had."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from lamella.errors import AgentInputError
from lamella.events import MessageOutputDelta, RunStreamEvent, StreamEnd, StreamStart
from lamella.recordings import areplay, replay

from recorded_runs import envelopes, whole_run


class Clock:
    """The loop's time, which passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 50.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)
        monkeypatch.setattr(
            "lamella.recordings.replaying.asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": self.sleep})
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + 0.01  # every sleep lasts too long


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def shown(clock: Clock, events: list[RunStreamEvent], **pace: Any) -> list[float]:
    began = clock.now
    return [round(clock.now - began, 6) async for _ in areplay(events, **pace)]


async def test_each_event_has_its_time(clock: Clock) -> None:
    """What a sleep lasted too long is not added to the next."""
    events = envelopes([StreamStart(), *[MessageOutputDelta(delta="x")] * 50, StreamEnd()], seconds=0.25)
    times = await shown(clock, events)
    assert times[0] == 0
    assert times[1:] == [pytest.approx(0.25 * place + 0.01) for place in range(1, 52)]


async def test_faster_and_slower(clock: Clock) -> None:
    events = envelopes([StreamStart(), StreamEnd()], seconds=1.0)
    assert await shown(clock, events, speed=4) == [0, 0.26]
    assert await shown(clock, events, speed=0.5) == [0, 2.01]


@pytest.mark.parametrize("speed", [None, float("inf")])
async def test_at_once(clock: Clock, speed: float | None) -> None:
    assert await shown(clock, whole_run(), speed=speed) == [0] * 14


async def test_gaps_are_capped_as_they_are_shown(clock: Clock) -> None:
    events = envelopes([StreamStart(), MessageOutputDelta(delta="x"), StreamEnd()], seconds=60)
    assert await shown(clock, events, max_wait=2) == [0, 2.01, 4.01]
    assert await shown(clock, events, speed=60, max_wait=2) == [0, 1.01, 2.01]
    assert await shown(clock, events, max_wait=0) == [0, 0, 0]


async def test_a_slow_consumer_gets_what_is_overdue_at_once(clock: Clock) -> None:
    events = envelopes([StreamStart(), MessageOutputDelta(delta="x"), StreamEnd()], seconds=1)
    times = []
    async for _ in areplay(events):
        times.append(clock.now)
        clock.now += 5 if len(times) == 1 else 0
    assert times == [50, 55, 55]


async def test_a_clock_that_went_back_is_no_wait(clock: Clock) -> None:
    first, last = envelopes([StreamStart(), StreamEnd()])
    assert await shown(clock, [last, first]) == [0, 0]


@pytest.mark.parametrize(
    "pace",
    [{"speed": 0}, {"speed": -1}, {"speed": float("nan")}, {"speed": "2"}, {"speed": True}, {"max_wait": -1}],
)
async def test_a_pace_that_cannot_be_is_refused(pace: dict[str, Any]) -> None:
    with pytest.raises(AgentInputError, match=next(iter(pace))):
        replay(whole_run(), **pace)
    with pytest.raises(AgentInputError, match=next(iter(pace))):
        async for _ in areplay(whole_run(), **pace):
            pass


async def test_events_of_two_runs_are_refused() -> None:
    with pytest.raises(AgentInputError, match="two runs"):
        async for _ in areplay([*whole_run("a"), *whole_run("b")], speed=None):
            pass


def test_the_synchronous_form() -> None:
    events = envelopes([StreamStart(), MessageOutputDelta(delta="x"), StreamEnd()], seconds=0.01)
    began = time.perf_counter()
    assert list(replay(events)) == events
    assert time.perf_counter() - began >= 0.02
    assert list(replay([])) == []
