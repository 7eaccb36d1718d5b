"""The text of a run while it grows, for each agent of the run: what ``RunStreamEvent.output`` shows.

The agent loop feeds it while it emits; :func:`lamella.serial.restore` feeds it with stored events, so
that both show the same text.
"""

from __future__ import annotations

from typing import Final

from lamella.events import (
    AgentEnd,
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    MessageOutputDelta,
    MessageOutputDone,
    ResponseDone,
    StreamEnd,
    TextSoFar,
)

__all__ = ["RunningText"]

_SHAPING: Final = frozenset(
    {
        MessageOutputDone,
        AttemptStart,
        AttemptCommit,
        AttemptRollback,
        ResponseDone,
        GuardrailOverride,
        StreamEnd,
        AgentEnd,
    }
)
"""The events beside deltas that have to do with the text."""


class RunningText:
    """One growing text for each ``path``. Feeding a delta takes constant time; nothing is joined."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, ...], _PathText] = {}

    def feed(self, path: tuple[str, ...], event: Event) -> tuple[list[str], int]:
        """Take the next event of the agent at ``path``; return the mark for its envelope's ``text``.

        Deltas are appended; a ``message.output.done`` whose deltas did not come, or came in part, puts
        its whole text in their place; ``attempt.rollback`` takes the attempt's text back;
        ``guardrail.override`` replaces all; an agent that emitted no text of its own has the
        ``output`` of its end.
        """
        text = self._texts.get(path)
        if text is None:
            text = self._texts[path] = _PathText()
        if type(event) is MessageOutputDelta:
            return text.grow(event.delta)
        if type(event) in _SHAPING:
            text.feed(event)
        return text.mark()


class _PathText:
    """The text of one agent, and where its attempt and its open block begin."""

    __slots__ = ("_attempt", "_block", "_received", "_text")

    def __init__(self) -> None:
        self._text = TextSoFar()
        self._attempt = 0
        self._block: int | None = None
        self._received = 0

    def mark(self) -> tuple[list[str], int]:
        return self._text.mark()

    def grow(self, piece: str) -> tuple[list[str], int]:
        """Take a delta; the mark after it."""
        if self._block is None:
            self._block, self._received = self._length, 0
        self._text.append(piece)
        self._received += len(piece)
        return self._text.mark()

    def feed(self, event: Event) -> None:
        if isinstance(event, MessageOutputDone):
            self._settle(event.output)
        elif isinstance(event, AttemptStart | AttemptCommit | ResponseDone):
            self._attempt, self._block = self._length, None
        elif isinstance(event, AttemptRollback):
            self._cut(self._attempt)
        elif isinstance(event, GuardrailOverride):
            self._text.replace([event.output])
            self._attempt, self._block = 1, None
        elif isinstance(event, StreamEnd | AgentEnd) and event.output and not self._length:
            self._text.append(event.output)

    @property
    def _length(self) -> int:
        return self._text.mark()[1]

    def _settle(self, output: str) -> None:
        """A block is complete: its text stands, whatever part of its deltas came."""
        if self._block is not None and self._received != len(output):
            self._cut(self._block)
        if self._block is None and output:
            self._text.append(output)
        self._block = None

    def _cut(self, length: int) -> None:
        pieces, count = self._text.mark()
        if length < count:
            self._text.replace(pieces[:length])
        self._block = None
