"""``replay``: stored events once more, at the times they had."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Iterator

from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent

__all__ = ["areplay", "replay"]


async def areplay(
    events: Iterable[RunStreamEvent], *, speed: float | None = 1.0, max_wait: float | None = None
) -> AsyncIterator[RunStreamEvent]:
    """The events of one run, each at the time it had after the first.

    A wait that lasts too long is not added to the next: each event has its time. A slow consumer gets what is
    overdue at once.

    :param speed: 2 is twice as fast, 0.5 half; ``None`` or infinity without any wait.
    :param max_wait: no two events are further apart than these seconds, as they are shown.
    :raises AgentInputError: events of two runs, a speed or a wait that cannot be.
    """
    check_pace(speed, max_wait)
    clock = asyncio.get_running_loop().time
    due = clock()
    last: RunStreamEvent | None = None
    for envelope in events:
        if last is not None:
            due += _gap(last, envelope, speed, max_wait)
        last = envelope
        if (wait := due - clock()) > 0:
            await asyncio.sleep(wait)
        yield envelope


def replay(
    events: Iterable[RunStreamEvent], *, speed: float | None = 1.0, max_wait: float | None = None
) -> Iterator[RunStreamEvent]:
    """:func:`areplay`, for synchronous code."""
    from lamella.sync import iterate

    check_pace(speed, max_wait)
    return iterate(lambda: areplay(events, speed=speed, max_wait=max_wait))


def check_pace(speed: float | None, max_wait: float | None) -> None:
    """Refuse what cannot be meant.

    :raises AgentInputError: a speed that is not more than 0, or a negative wait.
    """
    if speed is not None and not (_number(speed) and speed > 0):
        raise AgentInputError(f"speed must be a number > 0, or None for no waits, got {speed!r}")
    if max_wait is not None and not (_number(max_wait) and max_wait >= 0):
        raise AgentInputError(f"max_wait must be a number of seconds >= 0, or None for any, got {max_wait!r}")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def _gap(
    last: RunStreamEvent, envelope: RunStreamEvent, speed: float | None, max_wait: float | None
) -> float:
    """Seconds between two events as they are shown; a clock that went back is no wait."""
    if envelope.run_id != last.run_id:
        raise AgentInputError(
            f"events of two runs in one replay: {last.run_id} and {envelope.run_id}; replay one at a time"
        )
    if speed is None:
        return 0.0
    wait = max(envelope.at - last.at, 0.0) / speed
    return wait if max_wait is None else min(wait, max_wait)
