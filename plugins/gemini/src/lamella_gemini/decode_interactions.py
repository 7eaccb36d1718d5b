"""Reads the Interactions API: the events of a stream, or a whole interaction. Pure.

Steps are told apart by their index and leave in its order: what comes of a later step waits for the earlier one.
A stream's last event holds no steps, so they are put together from their deltas, and a step that is complete is
read as one of a whole interaction is. Event names of before May 2026 (``content.delta``) are read as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.errors import AgentParsingError, LamellaError
from lamella.events import Event, OtherEvent, ResponseDone, StopReason
from lamella.providers import Wire, interrupted
from lamella.usage import TokenUsage
from lamella_gemini.failed_interactions import FAILED, interaction_failure
from lamella_gemini.media_interactions import make_media
from lamella_gemini.open_step import OpenStep, Shown, as_step
from lamella_gemini.step_events import MakeMedia, StepReader
from lamella_gemini.usage_interactions import read_interactions_usage

__all__ = ["InteractionsDecoder"]

_STOPS: Final[Mapping[str, StopReason]] = {
    "completed": "end_turn",
    "requires_action": "tool_use",
    "incomplete": "max_tokens",
    "budget_exceeded": "pause",
    "requires_continuation": "pause",
}


class InteractionsDecoder:
    """One interaction.

    :param issuer: whose state the blocks carry.
    :param make: for media that the model made; where it gives none, they stay opaque.
    :param hide: takes secrets out of an error that a server reports.
    """

    def __init__(
        self, issuer: str, make: MakeMedia = make_media, hide: Callable[[Wire], Wire] | None = None
    ) -> None:
        self._reader = StepReader(issuer, make)
        self._hide = hide or _as_it_is
        self._steps: dict[int, OpenStep] = {}
        self._begun = 0
        self._last = -1
        self._id: str | None = None
        self._model: str | None = None
        self._status: str | None = None
        self._usage: TokenUsage | None = None
        self._failure: LamellaError | None = None
        self._end: ResponseDone | None = None

    @property
    def complete(self) -> bool:
        """Whether the completed interaction, or an error, came."""
        return self._end is not None or self._failure is not None

    # -- a stream ---------------------------------------------------------------------------------

    def feed(self, event: Wire) -> list[Event]:
        """The events of one event of the wire.

        :raises AgentParsingError: it is none.
        """
        if not isinstance(event, Mapping):
            raise AgentParsingError(
                f"an event must be a JSON object, got {type(event).__name__}: {event!r:.200}"
            )
        kind = event.get("event_type")
        if kind is None and event.get("error"):
            kind = "error"
        read = _READERS.get(kind) if isinstance(kind, str) else None
        return [_other(event)] if read is None else read(self, event)

    def _lifecycle(self, event: Mapping[str, Wire]) -> list[Event]:
        interaction = event.get("interaction")
        self._note(interaction if isinstance(interaction, Mapping) else event)
        return [_other(event, self._id)]

    def _note(self, facts: Mapping[str, Wire]) -> None:
        """Keep what is known of the interaction; its id is empty where the server does not store it."""
        self._id = _text(facts.get("id")) or _text(facts.get("interaction_id")) or self._id
        self._model = _text(facts.get("model")) or _text(facts.get("agent")) or self._model
        self._status = _text(facts.get("status")) or self._status
        self._usage = read_interactions_usage(facts.get("usage")) or self._usage

    def _started(self, event: Mapping[str, Wire]) -> list[Event]:
        """A step begins. The one that had its index, if any, is over."""
        step = event.get("step", event.get("content"))
        if not isinstance(step, Mapping):
            raise AgentParsingError(f"{event.get('event_type')} holds no step: {event!r:.200}")
        index = self._index_of(event, self._last + 1)
        events = self._close(event, lambda other, open_: other == index or not open_.begun)
        return [*events, *self._open(index, OpenStep(as_step(step)), event)]

    def _open(self, index: int, step: OpenStep, raw: Wire) -> list[Event]:
        self._steps[index] = step
        self._begun += 1
        self._last = index
        return [event for shown in step.beginning() for event in self._show(index, step, shown, raw)]

    def _delta(self, event: Mapping[str, Wire]) -> list[Event]:
        delta = event.get("delta")
        if not isinstance(delta, Mapping):
            return [_other(event)]
        events: list[Event] = []
        index = self._index_of(event, max(self._last, 0))
        step = self._steps.get(index)
        if step is None:
            events = self._close(event, lambda _, open_: not open_.begun)
            step = OpenStep.implied(delta)
            events += self._open(index, step, event)
        self._meter(event)
        taken = step.take(delta)
        if taken is False:
            return [*events, _other(event, name=_text(delta.get("type")))]
        return events if taken is True else [*events, *self._show(index, step, taken, event)]

    def _meter(self, event: Mapping[str, Wire]) -> None:
        metadata = event.get("metadata")
        if isinstance(metadata, Mapping):
            self._usage = read_interactions_usage(metadata.get("total_usage")) or self._usage

    def _show(self, index: int, step: OpenStep, shown: Shown, raw: Wire) -> list[Event]:
        """The delta event of a piece; that of a later step waits."""
        made = self._reader.show(step, shown, raw)
        if index == min(self._steps):
            return made
        step.waiting += made
        return []

    def _stopped(self, event: Mapping[str, Wire]) -> list[Event]:
        index = self._index_of(event, self._last)
        return self._close(event, lambda other, _: other == index)

    def _close(self, raw: Wire, which: Callable[[int, OpenStep], bool]) -> list[Event]:
        """End some steps; those that no earlier one is open before are complete."""
        for index, step in self._steps.items():
            step.closed = step.closed or which(index, step)
        events: list[Event] = []
        while self._steps:
            index = min(self._steps)
            step = self._steps[index]
            events += step.waiting
            step.waiting = []
            if not step.closed:
                break
            del self._steps[index]
            events += self._reader.complete(step, raw)
        return events

    def _index_of(self, event: Mapping[str, Wire], otherwise: int) -> int:
        index = event.get("index")
        return index if isinstance(index, int) and not isinstance(index, bool) else otherwise

    def _failed(self, event: Mapping[str, Wire]) -> list[Event]:
        """The stream ends in an error; ``finish`` raises it."""
        event = self._hide(event)
        self._failure = interaction_failure({"error": event.get("error") or event})
        return [_other(event, self._id, name="error")]

    def _ended(self, event: Mapping[str, Wire]) -> list[Event]:
        """The completed interaction. Steps that it holds and no event brought are read from it."""
        interaction = event.get("interaction")
        if not isinstance(interaction, Mapping):
            raise AgentParsingError(f"{event.get('event_type')} holds no interaction: {event!r:.200}")
        events = self._close(event, lambda _index, _step: True)
        for step in _steps_of(interaction)[self._begun :]:
            events += self._whole_step(step, event)
        self._note(interaction)
        if self._status in FAILED or interaction.get("error"):
            hidden = self._hide(interaction)
            self._failure = interaction_failure(hidden)
            shown = {**event, "interaction": hidden}
            return [*events, _other(shown, self._id, usage=self._usage)]
        self._end = self._response_done(interaction, event)
        return events

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """``response.done``.

        :raises StreamInterruptedError: the completed interaction never came.
        :raises LamellaError: the stream reported an error.
        """
        if self._failure is None and self._end is None and self._status in FAILED:
            self._failure = interaction_failure({"status": self._status})
        if self._failure is not None:
            raise self._failure
        if self._end is None:
            raise interrupted("interaction.completed came")
        return [self._end]

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed interaction.

        :raises AgentParsingError: it is none.
        :raises LamellaError: it reports an error.
        """
        if not isinstance(body, Mapping):
            raise AgentParsingError(
                f"an interaction must be a JSON object, got {type(body).__name__}: {body!r:.200}"
            )
        if body.get("error") or body.get("status") in FAILED:
            raise interaction_failure(self._hide(body))
        if not any(isinstance(body.get(name), kind) for name, kind in _SHAPE):
            raise AgentParsingError(f"the interaction has neither steps nor a status: {body!r:.200}")
        events: list[Event] = []
        for step in _steps_of(body):
            events += (event for event in self._whole_step(step, body) if event.durable)
        self._note(body)
        return [*events, self._response_done(body, body)]

    def _whole_step(self, item: Mapping[str, Wire], raw: Wire) -> list[Event]:
        begun = self._open(self._last + 1, OpenStep(as_step(item)), raw)
        return [*begun, *self._close(raw, lambda _index, _step: True)]

    def _response_done(self, interaction: Mapping[str, Wire], raw: Wire) -> ResponseDone:
        return ResponseDone(
            id=self._id,
            raw_event=raw,
            token_usage=self._usage,
            stop_reason=self._stop_reason(),
            raw_stop_reason=self._status,
            response_id=self._id,
            model=self._model,
            raw=interaction,
        )

    def _stop_reason(self) -> StopReason:
        if self._reader.called and self._status in ("completed", None):
            return "tool_use"
        return "end_turn" if self._status is None else _STOPS.get(self._status, "other")


def _steps_of(interaction: Mapping[str, Wire]) -> list[Mapping[str, Wire]]:
    steps = interaction.get("steps", interaction.get("outputs"))
    if steps is None:
        return []
    if not isinstance(steps, list | tuple) or not all(isinstance(step, Mapping) for step in steps):
        raise AgentParsingError(f"the steps of an interaction must be a list of objects: {steps!r:.200}")
    return list(steps)


def _other(
    event: Mapping[str, Wire],
    id: str | None = None,
    *,
    name: str | None = None,
    usage: TokenUsage | None = None,
) -> OtherEvent:
    name = name or _text(event.get("event_type"))
    return OtherEvent(id=id, raw_event=event, name=name, token_usage=usage)


def _text(value: Wire) -> str | None:
    return value if isinstance(value, str) and value else None


def _as_it_is(value: Wire) -> Wire:
    return value


_SHAPE: Final[tuple[tuple[str, Any], ...]] = (("steps", list), ("outputs", list), ("status", str))

_READERS: Final[Mapping[str, Callable[[InteractionsDecoder, Mapping[str, Wire]], list[Event]]]] = {
    "interaction.created": InteractionsDecoder._lifecycle,
    "interaction.start": InteractionsDecoder._lifecycle,
    "interaction.status_update": InteractionsDecoder._lifecycle,
    "interaction.in_progress": InteractionsDecoder._lifecycle,
    "interaction.requires_action": InteractionsDecoder._lifecycle,
    "step.start": InteractionsDecoder._started,
    "content.start": InteractionsDecoder._started,
    "step.delta": InteractionsDecoder._delta,
    "content.delta": InteractionsDecoder._delta,
    "step.stop": InteractionsDecoder._stopped,
    "content.stop": InteractionsDecoder._stopped,
    "interaction.completed": InteractionsDecoder._ended,
    "interaction.complete": InteractionsDecoder._ended,
    "error": InteractionsDecoder._failed,
}
