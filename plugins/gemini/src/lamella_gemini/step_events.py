"""From the steps of an interaction to events: the deltas that can be shown, and the blocks of a complete step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from lamella.content import MediaContent
from lamella.events import (
    Event,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    ReasoningDelta,
    ReasoningDone,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.providers import Wire
from lamella_gemini.media_interactions import HELD
from lamella_gemini.open_step import OpenStep, Shown
from lamella_gemini.replay_interactions import (
    MEDIA,
    arguments_text,
    call_state,
    content_state,
    opaque_part,
    opaque_step,
    thought_state,
)

__all__ = ["MakeMedia", "StepReader"]

MakeMedia: TypeAlias = Callable[[Mapping[str, Wire], str, Mapping[str, Any]], MediaContent | None]
"""Makes media from a part, its issuer and its opaque state; ``None`` where no content plugin can."""

_FILLED: Final = ("model_output", "thought")
"""Steps that are nothing while they are empty."""

_SHOWN: Final = {"text": "model_output", "summary": "thought", "arguments": "function_call"}
"""The type of step whose pieces are shown; what stays opaque is not."""


class StepReader:
    """Reads the steps of one interaction, in their order.

    :param issuer: whose state the blocks carry.
    :param make: for media that the model made; where it gives none, they stay opaque.
    """

    def __init__(self, issuer: str, make: MakeMedia) -> None:
        self._issuer = issuer
        self._make = make
        self._places = 0
        self.called = False

    def show(self, step: OpenStep, shown: Shown, raw: Wire) -> list[Event]:
        """The delta event of a piece."""
        kind, text = shown
        if step.type != _SHOWN[kind]:
            return []
        if kind == "text":
            return [MessageOutputDelta(raw_event=raw, delta=text)]
        if kind == "summary":
            return [ReasoningDelta(raw_event=raw, delta=text, kind="summary")]
        call_id, name = step.call(_new_id)
        return [ToolCallDelta(id=call_id, raw_event=raw, call_id=call_id, name=name, delta=text)]

    def complete(self, step: OpenStep, raw: Wire) -> list[Event]:
        """The events of a completed step."""
        item = step.finished()
        place, kind = self._places, step.type
        self._places += 1
        if kind == "model_output" and item.get("content"):
            return [event for part in item["content"] for event in self._part(item, place, part, raw)]
        if kind == "function_call":
            return list(self._call(step, item, raw))
        if kind == "user_input" or (kind in _FILLED and not _says_anything(item)):
            return [OtherEvent(raw_event=raw, name=kind)]  # an echo of the request, or nothing
        if kind == "thought":
            return [self._thought(item, raw)]
        block = opaque_step(self._issuer, item)
        return [OtherEvent(id=_text(item.get("id")), raw_event=raw, name=kind, block=block)]

    def _part(
        self, step: Mapping[str, Wire], place: int, part: Mapping[str, Wire], raw: Wire
    ) -> Iterator[Event]:
        """A part of the answer: text, media, or what is not known."""
        kind, text, notes = part.get("type"), part.get("text"), part.get("annotations") or ()
        if kind == "text" and isinstance(text, str) and isinstance(notes, list | tuple):
            if text or notes:
                state = content_state(step, place, part, "text", "annotations")
                yield MessageOutputDone(
                    raw_event=raw, output=text, annotations=notes, opaque={self._issuer: state}
                )
            return
        if kind in MEDIA:
            state = content_state(step, place, part, *HELD)
            media = self._make(part, self._issuer, {self._issuer: state})
            if media is not None:
                yield MediaOutputDone(raw_event=raw, media=media)
                return
        yield OtherEvent(raw_event=raw, name=str(kind), block=opaque_part(self._issuer, step, place, part))

    def _thought(self, item: Mapping[str, Wire], raw: Wire) -> Event:
        texts = [part["text"] for part in item.get("summary") or () if isinstance(part.get("text"), str)]
        return ReasoningDone(
            raw_event=raw,
            summary="".join(texts) if texts else None,
            signature=_text(item.get("signature")),
            provider=self._issuer,
            opaque={self._issuer: thought_state(item)},
        )

    def _call(self, step: OpenStep, item: Mapping[str, Wire], raw: Wire) -> Iterator[Event]:
        self.called = True
        call_id, name = step.call(_new_id)
        spelled = step.arguments_text
        arguments = spelled or arguments_text(item.get("arguments"))
        call: dict[str, Any] = {"id": call_id, "raw_event": raw, "call_id": call_id, "name": name}
        if arguments and not spelled:
            yield ToolCallDelta(**call, delta=arguments)
        yield ToolCallDone(**call, arguments_json=arguments, opaque={self._issuer: call_state(item)})


def _says_anything(step: Mapping[str, Wire]) -> bool:
    return any(value not in (None, "", [], {}) for key, value in step.items() if key != "type")


def _new_id() -> str:
    """An id for a call that a server sent without one."""
    return f"call_{uuid.uuid4().hex}"


def _text(value: Wire) -> str | None:
    return value if isinstance(value, str) and value else None
