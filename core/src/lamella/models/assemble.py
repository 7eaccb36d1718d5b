"""Brings a model's events into the order every consumer may rely on.

A provider may leave out ``*.done`` events: they are made from the deltas, reasoning before text
before calls. What is open when a stream breaks off is closed, so that the text so far is durable; a
half-received tool call is not a call and is left out.
"""

from __future__ import annotations

from typing import Final

from lamella.errors import AgentParsingError
from lamella.events import (
    AttemptCommit,
    AttemptRollback,
    AttemptStart,
    Event,
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolOutputDone,
)

__all__ = ["ResponseAssembler"]

_NOT_A_MODELS: Final = (StreamStart, StreamEnd, StreamError, ToolOutputDone)
"""Events that only a run makes: a model that could emit them would end the stream of its caller."""


_PASSING: Final = frozenset({AttemptStart, AttemptCommit, OtherEvent})
"""Events that close nothing."""


class ResponseAssembler:
    """Feed it one response's events; it returns what to pass on, with missing ``done`` events put in."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._summary: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[str, tuple[str, list[str]]] = {}
        self._done = False

    def feed(self, event: Event) -> tuple[Event, ...]:
        """Take the next event.

        :raises AgentParsingError: something that is no event, an event that only a run makes, or anything
            after ``response.done``.
        """
        kind = type(event)
        if self._done:
            raise AgentParsingError(
                f"a model's stream yielded {getattr(event, 'type', kind.__name__)} after response.done; "
                "response.done is the last event, once"
            )
        if kind is MessageOutputDelta:
            self._text.append(event.delta)  # type: ignore[attr-defined]  # kind says it
            return (event,)
        if kind is ReasoningDelta:
            pieces = self._summary if event.kind == "summary" else self._reasoning  # type: ignore[attr-defined]
            pieces.append(event.delta)  # type: ignore[attr-defined]
            return (event,)
        if kind in _PASSING:
            return (event,)
        return (*self._settle(event), event)

    def _settle(self, event: Event) -> tuple[Event, ...]:
        if isinstance(event, ToolCallDone):
            self._calls.pop(event.call_id, None)
            return self.abort()
        if isinstance(event, ToolCallDelta):
            if isinstance(event.delta, str):
                self._calls.setdefault(event.call_id, (event.name, []))[1].append(event.delta)
            return ()
        if isinstance(event, ResponseDone):
            self._done = True
            return (*self.abort(), *self._close_calls())
        if isinstance(event, MessageOutputDone):
            self._text.clear()
            return self._close_reasoning()
        self._refuse(event)
        if isinstance(event, ReasoningDone):
            self._summary.clear()
            self._reasoning.clear()
        elif isinstance(event, AttemptRollback):
            self._forget()
        return ()

    def _refuse(self, event: object) -> None:
        if not isinstance(event, Event):
            raise AgentParsingError(f"a model's stream must yield events, got {type(event).__name__}")
        if isinstance(event, _NOT_A_MODELS):
            raise AgentParsingError(
                f"a model's stream yielded {event.type}, which only a run makes; "
                "yield content events, then one response.done, and raise an error to fail"
            )

    def abort(self) -> tuple[Event, ...]:
        """The ``done`` events of the text and reasoning that are still open."""
        if not self._text and not self._summary and not self._reasoning:
            return ()
        return (*self._close_reasoning(), *self._close_text())

    def _close_text(self) -> tuple[Event, ...]:
        if not self._text:
            return ()
        output = "".join(self._text)
        self._text.clear()
        return (MessageOutputDone(output=output),)

    def _close_reasoning(self) -> tuple[Event, ...]:
        if not self._summary and not self._reasoning:
            return ()
        summary, text = "".join(self._summary) or None, "".join(self._reasoning) or None
        self._summary.clear()
        self._reasoning.clear()
        return () if summary is None and text is None else (ReasoningDone(summary=summary, text=text),)

    def _close_calls(self) -> tuple[Event, ...]:
        calls = tuple(
            ToolCallDone(call_id=call_id, name=name, arguments_json="".join(pieces))
            for call_id, (name, pieces) in self._calls.items()
        )
        self._calls.clear()
        return calls

    def _forget(self) -> None:
        for pieces in (self._text, self._summary, self._reasoning):
            pieces.clear()
        self._calls.clear()
        self._done = False
