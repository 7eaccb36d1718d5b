"""From the monotonic seconds of envelopes to the wall clock of spans."""

from __future__ import annotations

import time

from lamella.events import RunStreamEvent, StreamResumed, StreamStart

__all__ = ["Clock"]


class Clock:
    """Nanoseconds since 1970 for the monotonic seconds of one run, anchored at its first event."""

    def __init__(self, first: RunStreamEvent) -> None:
        event = first.event
        said = event.started_at if isinstance(event, StreamStart | StreamResumed) else None
        self._at = first.at
        self._wall = time.time_ns() if said is None else int(said * 1e9)

    def nanoseconds(self, at: float) -> int:
        """The wall time of ``at``."""
        return self._wall + int((at - self._at) * 1e9)
