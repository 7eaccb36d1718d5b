"""Reads the Responses API: the events of a stream, or a whole response. Pure.

State is kept by ``output_index``: item ids may differ between an item's first and last event on
gateways. An item's last event has all of it, so that is what becomes a block; what a server leaves out
is taken from the final response, and what that lacks from the pieces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from lamella.content import MediaContent, OpaqueContent
from lamella.errors import AgentParsingError, LamellaError
from lamella.events import (
    Event,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    StopReason,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.providers import MakeMedia, interrupted
from lamella_openai.calls import new_call_id
from lamella_openai.errors import reported_error
from lamella_openai.pieces import Key, Part, Pieces, key_of
from lamella_openai.replay import CUSTOM_CALL, ITEM, call_state, message_state, reasoning_state
from lamella_openai.usage import read_responses_usage

__all__ = ["ResponsesDecoder"]

Wire: TypeAlias = Any

_INCOMPLETE: Final[Mapping[str, StopReason]] = {
    "max_output_tokens": "max_tokens",
    "content_filter": "content_filter",
}
_CALLS: Final = ("function_call", CUSTOM_CALL)


class ResponsesDecoder:
    """One response.

    :param issuer: whose state the blocks carry.
    :param make_media: for generated images; without it, or where it gives none, they stay opaque.
    :param hide: takes secrets out of an error that a server reports.
    """

    def __init__(
        self,
        issuer: str,
        make_media: MakeMedia | None = None,
        hide: Callable[[Wire], Wire] | None = None,
    ) -> None:
        self._issuer = issuer
        self._hide = hide or _as_it_is
        self._make_media = make_media
        self._added: dict[Key, dict[str, Wire]] = {}
        self._pieces = Pieces()
        self._annotations: dict[Key, list[Wire]] = {}
        self._emitted: set[Key] = set()
        self._follows: str | None = None
        self._stored: Wire = None
        self._called = False
        self._refused = False
        self._failure: LamellaError | None = None
        self._end: ResponseDone | None = None

    @property
    def complete(self) -> bool:
        """Whether the final response, or an error, came."""
        return self._end is not None or self._failure is not None

    # -- a stream ---------------------------------------------------------------------------------

    def feed(self, event: Wire) -> list[Event]:
        """The events of one event of the wire.

        :raises AgentParsingError: it is none.
        """
        if not isinstance(event, dict):
            raise AgentParsingError(
                f"an event must be a JSON object, got {type(event).__name__}: {event!r:.200}"
            )
        kind = event.get("type")
        if kind == "response.output_text.delta":
            delta = event.get("delta")
            if not isinstance(delta, str):
                return [_other(event)]
            if not delta:
                return []
            self._pieces.add_text(event, delta)
            return [MessageOutputDelta(id=event.get("item_id"), raw_event=event, delta=delta)]
        read = _READERS.get(kind) if isinstance(kind, str) else None
        return [_other(event)] if read is None else read(self, event)

    def _absorb(self, event: dict[str, Wire]) -> list[Event]:
        """What this says is in the item's last event too."""
        return []

    def _item_added(self, event: dict[str, Wire]) -> list[Event]:
        item = dict(event["item"])
        if item.get("type") in _CALLS and not item.get("call_id"):
            item["call_id"] = new_call_id()
        self._added[key_of(event)] = item
        return []

    def _annotation_added(self, event: dict[str, Wire]) -> list[Event]:
        self._annotations.setdefault(key_of(event), []).append(event.get("annotation"))
        return []

    def _refusal_delta(self, event: dict[str, Wire]) -> list[Event]:
        delta = self._pieces.add(event, "text")
        return [MessageOutputDelta(id=event.get("item_id"), raw_event=event, delta=delta)] if delta else []

    def _text_done(self, event: dict[str, Wire]) -> list[Event]:
        """A whole text. What no delta had is one: a server may leave out the deltas, and the item's end too."""
        whole = event.get("text", event.get("refusal"))
        if not isinstance(whole, str):
            return []
        rest = self._pieces.unseen(key_of(event), "text", event.get("content_index") or 0, whole)
        if not rest:
            return []
        self._pieces.add_text(event, rest)
        return [MessageOutputDelta(id=event.get("item_id"), raw_event=event, delta=rest)]

    def _summary_delta(self, event: dict[str, Wire]) -> list[Event]:
        return self._reasoning_delta(event, "summary")

    def _text_delta(self, event: dict[str, Wire]) -> list[Event]:
        return self._reasoning_delta(event, "content")

    def _reasoning_delta(self, event: dict[str, Wire], part: Part) -> list[Event]:
        if not (delta := self._pieces.add(event, part)):
            return []
        kind: Any = "summary" if part == "summary" else "text"
        return [ReasoningDelta(id=event.get("item_id"), raw_event=event, delta=delta, kind=kind)]

    def _arguments_delta(self, event: dict[str, Wire]) -> list[Event]:
        delta = self._pieces.add(event, "arguments")
        item = self._added.get(key_of(event))
        if item is None or not delta:
            return []  # an unknown call: its last event will say all
        return [
            ToolCallDelta(
                id=event.get("item_id"),
                raw_event=event,
                call_id=item["call_id"],
                name=item.get("name") or "",
                delta=delta,
            )
        ]

    def _arguments_done(self, event: dict[str, Wire]) -> list[Event]:
        said = event.get("arguments", event.get("input"))
        item = self._added.get(key_of(event))
        if item is not None and said is not None:
            item["input" if item.get("type") == CUSTOM_CALL else "arguments"] = said
        return []

    def _item_done(self, event: dict[str, Wire]) -> list[Event]:
        return self._complete(event["item"], key_of(event), event)

    def _lifecycle(self, event: dict[str, Wire]) -> list[Event]:
        response = event.get("response") or {}
        self._stored = response.get("store")
        return [OtherEvent(id=response.get("id"), raw_event=event, name=event["type"])]

    def _failed(self, event: dict[str, Wire]) -> list[Event]:
        """The stream ends in an error; ``finish`` raises it, so that its usage is not lost."""
        event = self._hide(event)
        response = event.get("response") or {}
        error = response.get("error") or event.get("error") or _flat(event)
        self._failure = reported_error(error, where="the response")
        usage = read_responses_usage(response.get("usage"))
        return [OtherEvent(id=response.get("id"), raw_event=event, name=event["type"], token_usage=usage)]

    def _ended(self, event: dict[str, Wire]) -> list[Event]:
        """The final response: what had no last event of its own is completed from it."""
        response = event.get("response") or {}
        events: list[Event] = []
        for index, item in enumerate(response.get("output") or ()):
            if index not in self._emitted and item.get("id") not in self._emitted:
                events.extend(self._complete(item, self._key_of(item, index), event))
        for key in [key for key in self._added if key not in self._emitted]:
            events.extend(self._complete(self._salvaged(key), key, event))
        self._end = self._response_done(response, event)
        return events

    def _key_of(self, item: Mapping[str, Wire], index: int) -> Key:
        """The key that the pieces of an item have: its place in the final response may be another."""
        known = (
            key for key, added in self._added.items() if item.get("id") and added.get("id") == item["id"]
        )
        return next(known, index)

    def _salvaged(self, key: Key) -> dict[str, Wire]:
        """An item of which only the beginning and pieces came."""
        item = dict(self._added[key])
        pieces, kind = self._pieces, item.get("type")
        if kind == "message":
            notes = self._annotations.get(key, [])
            item["content"] = [
                {"type": "output_text", "text": text, "annotations": notes}
                for text in pieces.texts(key, "text")
            ]
        elif kind == "reasoning":
            item["summary"] = [
                {"type": "summary_text", "text": text} for text in pieces.texts(key, "summary")
            ]
            item["content"] = [
                {"type": "reasoning_text", "text": text} for text in pieces.texts(key, "content")
            ]
        elif kind in _CALLS:
            name = "input" if kind == CUSTOM_CALL else "arguments"
            item[name] = item.get(name) or "".join(pieces.texts(key, "arguments"))
        return item

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """``response.done``.

        :raises StreamInterruptedError: the final response never came.
        :raises LamellaError: the stream reported an error.
        """
        if self._failure is not None:
            raise self._failure
        if self._end is None:
            raise interrupted("response.completed came")
        return [self._end]

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed response.

        :raises AgentParsingError: it is none.
        :raises LamellaError: it reports an error.
        """
        if not isinstance(body, Mapping):
            raise AgentParsingError(
                f"a response must be a JSON object, got {type(body).__name__}: {body!r:.200}"
            )
        if body.get("error") or body.get("status") == "failed":
            raise reported_error(self._hide(body.get("error") or {}), where="the response")
        if not isinstance(body.get("output"), list):
            raise AgentParsingError(f"the response has no output: {body!r:.200}")
        self._stored = body.get("store")
        events: list[Event] = []
        for index, item in enumerate(body["output"]):
            events.extend(event for event in self._complete(item, index, body) if event.durable)
        return [*events, self._response_done(body, body)]

    def _response_done(self, response: Mapping[str, Wire], raw: Wire) -> ResponseDone:
        stop, said = self._stop_reason(response)
        return ResponseDone(
            id=response.get("id"),
            raw_event=raw,
            token_usage=read_responses_usage(response.get("usage")),
            stop_reason=stop,
            raw_stop_reason=said,
            response_id=response.get("id"),
            model=response.get("model"),
            raw=response,
        )

    def _stop_reason(self, response: Mapping[str, Wire]) -> tuple[StopReason, str | None]:
        status = response.get("status")
        if status == "incomplete":
            reason = (response.get("incomplete_details") or {}).get("reason")
            return _INCOMPLETE.get(str(reason), "other"), reason or status
        if status not in ("completed", None):
            return "other", status
        if self._called:
            return "tool_use", status
        return "refusal" if self._refused else "end_turn", status

    # -- items ------------------------------------------------------------------------------------

    def _complete(self, item: Mapping[str, Wire], key: Key, raw: Wire) -> list[Event]:
        """The events of a completed item."""
        self._emitted |= {key, *({item["id"]} if item.get("id") else ())}
        kind = item.get("type")
        if kind == "message":
            return self._message(item, key, raw)
        if kind == "reasoning":
            return self._reasoning(item, key, raw)
        if kind in _CALLS:
            return self._call(item, key, raw)
        if kind == "image_generation_call" and (image := self._image(item)) is not None:
            return [MediaOutputDone(id=item.get("id"), raw_event=raw, media=image)]
        block = OpaqueContent(
            type=f"{self._issuer}.{kind}",
            provider=self._issuer,
            data={"item": item},
            opaque={} if self._follows is None else {self._issuer: {"follows": self._follows}},
        )
        return [OtherEvent(id=item.get("id"), raw_event=raw, name=str(kind), block=block)]

    def _message(self, item: Mapping[str, Wire], key: Key, raw: Wire) -> list[Event]:
        events: list[Event] = []
        for index, part in enumerate(item.get("content") or ()):
            text = part.get("text", part.get("refusal"))
            if not isinstance(text, str):
                events.append(OtherEvent(id=item.get("id"), raw_event=raw, name=f"part.{part.get('type')}"))
                continue
            self._refused = self._refused or part.get("type") == "refusal"
            if rest := self._pieces.unseen(key, "text", index, text):
                events.append(MessageOutputDelta(id=item.get("id"), raw_event=raw, delta=rest))
            if text:
                state = message_state(item, part, self._follows)
                events.append(
                    MessageOutputDone(
                        id=item.get("id"),
                        raw_event=raw,
                        output=text,
                        annotations=part.get("annotations") or (),
                        logprobs=part.get("logprobs") or None,
                        opaque={self._issuer: state},
                    )
                )
        return events

    def _reasoning(self, item: Mapping[str, Wire], key: Key, raw: Wire) -> list[Event]:
        events: list[Event] = []
        joined: dict[str, str | None] = {}
        names: tuple[Part, ...] = ("summary", "content")
        for name in names:
            texts = [part.get("text") or "" for part in item.get(name) or ()]
            joined[name] = "".join(texts) if texts else None
            for index, text in enumerate(texts):
                if rest := self._pieces.unseen(key, name, index, text):
                    kind: Any = "summary" if name == "summary" else "text"
                    events.append(ReasoningDelta(id=item.get("id"), raw_event=raw, delta=rest, kind=kind))
        self._follows = item.get("id") or None
        events.append(
            ReasoningDone(
                id=item.get("id"),
                raw_event=raw,
                summary=joined["summary"],
                text=joined["content"],
                signature=item.get("encrypted_content"),
                reasoning_id=item.get("id"),
                provider=self._issuer,
                opaque={self._issuer: reasoning_state(item, stored=self._stored is not False)},
            )
        )
        return events

    def _call(self, item: Mapping[str, Wire], key: Key, raw: Wire) -> list[Event]:
        self._called = True
        arguments = item.get("input" if item.get("type") == CUSTOM_CALL else "arguments")
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        call_id = item.get("call_id") or self._added.get(key, {}).get("call_id") or new_call_id()
        call: dict[str, Any] = {
            "id": item.get("id"),
            "raw_event": raw,
            "call_id": call_id,
            "name": item.get("name") or "",
        }
        done = ToolCallDone(
            **call, arguments_json=arguments or "", opaque={self._issuer: call_state(item, self._follows)}
        )
        rest = self._pieces.unseen(key, "arguments", 0, arguments or "")
        return [*([ToolCallDelta(**call, delta=rest)] if rest else []), done]

    def _image(self, item: Mapping[str, Wire]) -> MediaContent | None:
        result = item.get("result")
        if self._make_media is None or not isinstance(result, str) or not result:
            return None
        kept = {name: value for name, value in item.items() if name != "result" and value is not None}
        state: dict[str, Wire] = {ITEM: kept}
        if self._follows is not None:
            state["follows"] = self._follows
        kind = f"image/{item.get('output_format') or 'png'}"
        return self._make_media("image", result, kind, opaque={self._issuer: state})


def _flat(event: Mapping[str, Wire]) -> dict[str, Wire]:
    return {name: event[name] for name in ("code", "message", "param") if event.get(name) is not None}


def _as_it_is(value: Wire) -> Wire:
    return value


def _other(event: Mapping[str, Wire]) -> OtherEvent:
    kind = event.get("type")
    return OtherEvent(id=event.get("item_id"), raw_event=event, name=None if kind is None else str(kind))


_READERS: Final[Mapping[str, Callable[[ResponsesDecoder, dict[str, Wire]], list[Event]]]] = {
    "response.created": ResponsesDecoder._lifecycle,
    "response.queued": ResponsesDecoder._lifecycle,
    "response.in_progress": ResponsesDecoder._lifecycle,
    "response.completed": ResponsesDecoder._ended,
    "response.incomplete": ResponsesDecoder._ended,
    "response.failed": ResponsesDecoder._failed,
    "error": ResponsesDecoder._failed,
    "response.output_item.added": ResponsesDecoder._item_added,
    "response.output_item.done": ResponsesDecoder._item_done,
    "response.content_part.added": ResponsesDecoder._absorb,
    "response.content_part.done": ResponsesDecoder._absorb,
    "response.output_text.done": ResponsesDecoder._text_done,
    "response.output_text.annotation.added": ResponsesDecoder._annotation_added,
    "response.refusal.delta": ResponsesDecoder._refusal_delta,
    "response.refusal.done": ResponsesDecoder._text_done,
    "response.reasoning_summary_part.added": ResponsesDecoder._absorb,
    "response.reasoning_summary_part.done": ResponsesDecoder._absorb,
    "response.reasoning_summary_text.delta": ResponsesDecoder._summary_delta,
    "response.reasoning_summary_text.done": ResponsesDecoder._absorb,
    "response.reasoning_text.delta": ResponsesDecoder._text_delta,
    "response.reasoning_text.done": ResponsesDecoder._absorb,
    "response.function_call_arguments.delta": ResponsesDecoder._arguments_delta,
    "response.function_call_arguments.done": ResponsesDecoder._arguments_done,
    "response.custom_tool_call_input.delta": ResponsesDecoder._arguments_delta,
    "response.custom_tool_call_input.done": ResponsesDecoder._arguments_done,
}
