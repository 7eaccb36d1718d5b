"""The envelope: an event and its place in the run."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from lamella.events.base import Event
from lamella.usage import Timing, TokenUsage

__all__ = ["RunStreamEvent", "TextSoFar"]


class TextSoFar:
    """The text of a run as it grows: pieces are appended, positions are remembered, nothing is copied."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def append(self, piece: str) -> None:
        """Add a piece."""
        self._pieces.append(piece)

    def mark(self) -> tuple[list[str], int]:
        """A position: the text up to here, whatever is appended later."""
        return self._pieces, len(self._pieces)

    def replace(self, pieces: Sequence[str]) -> None:
        """Start over with ``pieces``; earlier marks keep the text they had."""
        self._pieces = list(pieces)


@attrs.frozen(kw_only=True)
class RunStreamEvent:
    """An event and its place in the run.

    ``seq`` counts from 0 without gaps at emission, ``path`` names the nested agent (empty for the
    run's own), ``token_usage`` is cumulative over the run, ``at``, ``start_time`` and
    ``first_token`` are monotonic seconds, read together through ``timing``.
    """

    event: Event
    run_id: str
    seq: int
    path: tuple[str, ...] = ()
    token_usage: TokenUsage | None = None
    at: float = 0.0
    start_time: float = 0.0
    first_token: float | None = None
    _text: tuple[list[str], int] | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def type(self) -> str:
        """The event's type."""
        return self.event.type

    @property
    def output(self) -> str:
        """The text of the run up to this event, joined when asked for."""
        if self._text is None:
            return ""
        pieces, count = self._text
        return "".join(pieces[:count])

    @property
    def timing(self) -> Timing:
        """A snapshot: ``end_time`` is the moment of this event."""
        return Timing(start_time=self.start_time, end_time=self.at, first_token=self.first_token)
