"""The event contract: what a model's stream may yield, and in which order."""

from __future__ import annotations

from typing import Any, Final

from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    Event,
    GuardrailOverride,
    MessageOutputDelta,
    MessageOutputDone,
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
from lamella_testing.provider.base import ConformanceBase
from lamella_testing.provider.exchange import Exchange
from lamella_testing.verdict import fail, require

__all__ = ["EventContract"]

_OF_RUNS: Final = (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    GuardrailOverride,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolOutputDone,
)


class EventContract(ConformanceBase):
    """What every stream must keep to."""

    def test_requests_are_answered(self) -> None:
        """Every request that the capabilities allow gets an answer."""
        for each in self.exchanges():
            if each.error is not None:
                fail(
                    f"{each.name}: stream() raised {type(each.error).__name__}: {each.error}. "
                    "Answer such requests, or take what they need out of the model's capabilities"
                )

    def test_a_stream_yields_events(self) -> None:
        """Everything a stream yields is an ``Event``."""
        for each in self.exchanges():
            for event in each.events:
                require(
                    isinstance(event, Event),
                    f"{each.name}: stream() yielded {type(event).__name__}; yield Event objects, such as "
                    "MessageOutputDelta(delta=…)",
                )

    def test_response_done_comes_once_and_last(self) -> None:
        """Exactly one ``response.done``, and nothing after it."""
        for each in self.exchanges():
            if each.error is not None:
                continue
            places = [place for place, event in enumerate(each.events) if isinstance(event, ResponseDone)]
            require(places, f"{each.name}: stream() ended without response.done; yield ResponseDone(…) last")
            require(
                len(places) == 1,
                f"{each.name}: stream() yielded {len(places)} response.done events; yield ResponseDone(…) once",
            )
            rest = [getattr(event, "type", type(event).__name__) for event in each.events[places[0] + 1 :]]
            require(
                not rest,
                f"{each.name}: {', '.join(rest)} came after response.done; yield ResponseDone(…) last",
            )

    def test_no_events_of_runs(self) -> None:
        """A model yields no event that only a run makes: the caller's stream would end with it."""
        for each in self.exchanges():
            for event in each.of(*_OF_RUNS):
                fail(
                    f"{each.name}: stream() yielded {event.type}, which only a run makes; yield content events "
                    "and one response.done, and raise an error to fail"
                )

    def test_deltas_add_up(self) -> None:
        """The deltas of a block, joined, are what its ``done`` event says."""
        for each in self.exchanges():
            events = _after_rollback(each)
            _check_texts(each.name, events)
            _check_reasoning(each.name, events)
            _check_calls(each.name, events)

    def test_done_events_have_the_ids_of_their_deltas(self) -> None:
        """Deltas that carry an item id are completed by an event with that id."""
        for each in self.exchanges():
            for begun, ended in _FAMILIES:
                dones = {event.id for event in each.of(ended)}
                lost = {event.id for event in each.of(begun) if event.id is not None} - dones
                require(
                    not (dones and lost),
                    f"{each.name}: {begun.type} events have the ids {sorted(map(str, lost))}, which no "
                    f"{ended.type} has; give both the same id, or neither one",
                )

    def test_call_ids_are_unique(self) -> None:
        """Every call of a response has an id of its own, and a name."""
        for each in self.exchanges():
            calls = list(each.of(ToolCallDone))
            ids = [call.call_id for call in calls]
            require(
                all(ids) and all(call.name for call in calls),
                f"{each.name}: a tool call has an empty call_id or name; where the provider gives no id, make one",
            )
            require(
                len(set(ids)) == len(ids),
                f"{each.name}: the call ids {ids} repeat; outputs are matched by call id, so each call needs its own",
            )

    def test_call_deltas_belong_to_their_call(self) -> None:
        """Each fragment of a call names the call that it belongs to."""
        for each in self.exchanges():
            dones = {(call.call_id, call.name) for call in each.of(ToolCallDone)}
            lost = {(part.call_id, part.name) for part in each.of(ToolCallDelta)} - dones
            require(
                not (dones and lost),
                f"{each.name}: tool.call.delta events name the calls {sorted(lost)}, which no tool.call.done "
                "completes; put call_id and name on every fragment",
            )

    def test_stop_reason_fits(self) -> None:
        """A response that asks for tools stops with ``tool_use``, and only such a response does."""
        for each, completion in self.answers():
            called, stopped = bool(completion.tool_calls), completion.stop_reason
            require(
                called or stopped != "tool_use",
                f"{each.name}: the stop reason is tool_use, but there is no tool call; yield the call, or another reason",
            )
            require(
                not called or stopped != "end_turn",
                f"{each.name}: the response calls tools and its stop reason is end_turn; say stop_reason='tool_use'",
            )


_FAMILIES: Final[tuple[tuple[type[Event], type[Event]], ...]] = (
    (MessageOutputDelta, MessageOutputDone),
    (ReasoningDelta, ReasoningDone),
    (ToolCallDelta, ToolCallDone),
)


def _after_rollback(each: Exchange) -> list[Any]:
    """The events of the attempt that stands."""
    events = list(each.events)
    last = max(
        (place for place, event in enumerate(events) if isinstance(event, AttemptRollback)), default=-1
    )
    return events[last + 1 :]


class _Pieces:
    """The deltas of one kind that no ``done`` event has taken yet, by item id."""

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what = name, what
        self._open: dict[str | None, str] = {}
        self._done = False

    def add(self, key: str | None, piece: str) -> None:
        """A delta."""
        self._open[key] = self._open.get(key, "") + piece

    def take(self, key: str | None, output: str) -> None:
        """A ``done`` event takes its text off the deltas of its item; without any it stands for itself."""
        self._done = True
        if key is None:
            key = next(iter(self._open), None)
        elif key not in self._open:
            key = None
        pieces = self._open.pop(key, "")
        require(
            not pieces or pieces.startswith(output),
            f"{self._name}: the {self._what} deltas add up to {pieces!r:.200}, but done says {output!r:.200}; "
            "yield every piece once, in order, and all of it in the done event",
        )
        if rest := pieces[len(output) :]:
            self._open[key] = rest

    def end(self) -> None:
        """Deltas that no ``done`` event took are lost, unless there was none at all: then one is made of them."""
        rest = "".join(self._open.values())
        require(
            not (self._done and rest),
            f"{self._name}: the {self._what} deltas {rest!r:.200} are in no done event; yield all of it in the done event",
        )


def _check_texts(name: str, events: list[Any]) -> None:
    pieces = _Pieces(name, "message.output")
    for event in events:
        if isinstance(event, MessageOutputDelta):
            pieces.add(event.id, event.delta)
        elif isinstance(event, MessageOutputDone):
            pieces.take(event.id, event.output)
    pieces.end()


def _check_reasoning(name: str, events: list[Any]) -> None:
    pieces = {kind: _Pieces(name, f"reasoning ({kind})") for kind in ("summary", "text")}
    for event in events:
        if isinstance(event, ReasoningDelta):
            pieces[event.kind].add(event.id, event.delta)
        elif isinstance(event, ReasoningDone):
            pieces["summary"].take(event.id, event.summary or "")
            pieces["text"].take(event.id, event.text or "")
    for kind in pieces.values():
        kind.end()


def _check_calls(name: str, events: list[Any]) -> None:
    pieces = _Pieces(name, "tool.call")
    for event in events:
        if isinstance(event, ToolCallDelta) and isinstance(event.delta, str):
            pieces.add(event.call_id, event.delta)
        elif isinstance(event, ToolCallDone):
            pieces.take(event.call_id, event.arguments_json)
