"""Reads ``generateContent``: the chunks of a stream, or a whole response. Pure.

Each chunk is a response of its own whose parts go on from those before. Its terminal marker is a
``finishReason`` (or a ``promptFeedback.blockReason``), and content may still follow one: nothing is closed on
it. Completed blocks after a text are held back until another begins: citations of the text come last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from lamella.content import OpaqueContent
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
from lamella.providers import MakeMedia, interrupted, join_base64
from lamella.usage import TokenUsage
from lamella_gemini.calls import PendingCall, new_call_id
from lamella_gemini.citations import Citations
from lamella_gemini.errors import reported_error
from lamella_gemini.parts import GENERATE, Segments, more_text, rest_of
from lamella_gemini.usage import counts, read_usage

__all__ = ["GenerateContentDecoder"]

Wire: TypeAlias = Any

_STOPS: Final[Mapping[str, StopReason]] = {
    "STOP": "end_turn",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "pause",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "PUP_LIMITED_DISABLED",
        ),
        "refusal",
    ),
    **dict.fromkeys(
        (
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_OTHER",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
            "ESCALATION",
        ),
        "content_filter",
    ),
}
_WITH_CALLS: Final = (None, "STOP", "UNEXPECTED_TOOL_CALL", "FINISH_REASON_UNSPECIFIED")
"""Reasons that, beside calls, mean that the calls are to be answered."""

_BESIDE: Final = ("thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution")
"""Fields of a part that are not what it is."""

_PAYLOADS: Final = frozenset(
    {"inlineData", "fileData", "functionResponse", "executableCode", "codeExecutionResult", "toolCall",
     "toolResponse"}
)  # fmt: skip
"""Fields that are what a part is; a part with a text and none of them is a text, whatever stands beside it."""


class GenerateContentDecoder:
    """One response.

    :param issuer: whose state the blocks carry.
    :param make_media: for generated images and speech; without it, or where it gives none, they stay opaque.
    :param hide: takes secrets out of an error that a server reports.
    """

    def __init__(
        self,
        issuer: str,
        make_media: MakeMedia | None = None,
        hide: Callable[[Wire], Wire] | None = None,
    ) -> None:
        self._issuer = issuer
        self._make_media = make_media
        self._hide = hide or _as_it_is
        self._id: str | None = None
        self._model: str | None = None
        self._finish: str | None = None
        self._blocked: str | None = None
        self._reported: dict[str, Wire] | None = None
        self._failure: LamellaError | None = None
        self._raw: list[Wire] = []
        self._answered = False
        self._text = Segments()
        self._thought = Segments()
        self._call: PendingCall | None = None
        self._audio: list[dict[str, Wire]] = []
        self._call_ids: set[str] = set()
        self._citations = Citations()
        self._held: list[Event] = []

    @property
    def complete(self) -> bool:
        """Only an error ends a stream before its end: content may follow a ``finishReason``."""
        return self._failure is not None

    @property
    def usage(self) -> TokenUsage | None:
        """What was reported so far: every chunk reports it, and events of the usual one do not repeat it."""
        return read_usage(self._reported)

    # -- chunks -----------------------------------------------------------------------------------

    def feed(self, chunk: Wire) -> list[Event]:
        """The events of one chunk.

        :raises AgentParsingError: it is no response, or of several candidates.
        """
        if not isinstance(chunk, dict):
            raise AgentParsingError(
                f"a chunk must be a JSON object, got {type(chunk).__name__}: {chunk!r:.200}"
            )
        self._raw.append(chunk)
        if self._text and (text := more_text(chunk)):
            self._name(chunk)
            self._text.add(text, {})
            self._report(chunk.get("usageMetadata"))
            return [MessageOutputDelta(id=self._id, raw_event=chunk, delta=text)]
        self._note(chunk)
        if self._failure is not None:
            return []
        events: list[Event] = []
        candidates = _list(chunk.get("candidates"), "candidates")
        if len(candidates) > 1:
            raise _several(len(candidates))
        for candidate in candidates:
            self._candidate(candidate, chunk, events)
        events.extend(self._uncited())
        return events

    def _note(self, chunk: Mapping[str, Wire]) -> None:
        """Take what stands beside the candidates."""
        if error := chunk.get("error"):
            self._failure = reported_error(self._hide(error), where="the answer")
        self._name(chunk)
        self._report(chunk.get("usageMetadata"))
        feedback = chunk.get("promptFeedback")
        if isinstance(feedback, Mapping) and feedback.get("blockReason"):
            self._blocked = str(feedback["blockReason"])

    def _name(self, chunk: Mapping[str, Wire]) -> None:
        self._id = self._id or _word(chunk.get("responseId"))
        self._model = self._model or _word(chunk.get("modelVersion"))

    def _report(self, usage: Wire) -> None:
        """Take a usage object, to be read when asked for; one that counts nothing takes the place of none."""
        if isinstance(usage, dict) and (self._reported is None or counts(usage)):
            self._reported = usage

    def _candidate(self, candidate: Wire, chunk: Wire, events: list[Event]) -> None:
        if not isinstance(candidate, dict):
            raise AgentParsingError(f"a candidate must be a JSON object, got {candidate!r:.200}")
        if index := candidate.get("index"):
            raise _several(int(index) + 1)
        self._answered = True
        if finish := candidate.get("finishReason"):
            self._finish = str(finish)
        content = candidate.get("content")
        if isinstance(content, dict):
            for part in _list(content.get("parts"), "parts"):
                self._part(part, chunk, events)
        self._citations.note(candidate)

    # -- parts ------------------------------------------------------------------------------------

    def _part(self, part: Wire, chunk: Wire, events: list[Event]) -> None:
        if not isinstance(part, dict):
            raise AgentParsingError(f"a part must be a JSON object, got {part!r:.200}")
        call = part.get("functionCall")
        if isinstance(call, dict):
            self._read_call(call, rest_of(part, "functionCall"), chunk, events)
        elif isinstance(part.get("text"), str) and _PAYLOADS.isdisjoint(part):
            self._read_text(part["text"], part, chunk, events)
        elif any(value is not None for value in part.values()):
            self._read_other(part, chunk)

    def _read_text(self, text: str, part: Mapping[str, Wire], chunk: Wire, events: list[Event]) -> None:
        rest = rest_of(part, "text", "thought")
        thought = part.get("thought") is True
        if not text and not rest:
            return
        if not text and not thought and not self._text:
            self._signature_alone(rest, chunk)
            return
        segments = self._thought if thought else self._text
        if not segments:
            self._close(chunk)
            events.extend(self._release())
        segments.add(text, rest)
        if text:
            delta = {"id": self._id, "raw_event": chunk, "token_usage": self._fresh(chunk), "delta": text}
            events.append(ReasoningDelta(**delta, kind="summary") if thought else MessageOutputDelta(**delta))

    def _fresh(self, chunk: Mapping[str, Wire]) -> TokenUsage | None:
        """The usage, where this chunk reported it."""
        return self.usage if chunk.get("usageMetadata") is not None else None

    def _signature_alone(self, rest: dict[str, Wire], chunk: Wire) -> None:
        """An empty text that is there for its signature, with no text before it."""
        self._close(chunk)
        alone = Segments()
        alone.add("", rest)
        self._held.append(self._reasoning(alone, chunk, {"alone": True}))

    def _read_other(self, part: Mapping[str, Wire], chunk: Wire) -> None:
        """A part of another kind: media, server-side work, or what we do not know."""
        data = part.get("inlineData")
        kind = str(data.get("mimeType") or "") if isinstance(data, Mapping) else ""
        if kind.startswith("audio/") and not (part.keys() - {"inlineData"}):
            if not self._audio or self._audio[-1]["mimeType"] != kind:
                self._close(chunk)
            self._audio.append(dict(data or {}))
            return
        self._close(chunk)
        # Images that a model makes while it thinks are no answer.
        shown = kind.startswith("image/") and part.get("thought") is not True
        self._held.append(self._media(part, kind, chunk) if shown else self._opaque(part, chunk))

    def _media(self, part: Mapping[str, Wire], mime_type: str, chunk: Wire) -> Event:
        data = part["inlineData"].get("data")
        if self._make_media is not None and isinstance(data, str):
            state = {self._issuer: {GENERATE: {"part": rest_of(part, "inlineData")}}}
            made = self._make_media(mime_type.partition("/")[0], data, mime_type, opaque=state)
            if made is not None:
                return MediaOutputDone(id=self._id, raw_event=chunk, media=made)
        return self._opaque(part, chunk)

    def _opaque(self, part: Mapping[str, Wire], chunk: Wire) -> OtherEvent:
        kind = next((name for name in part if name not in _BESIDE), "part")
        block = OpaqueContent(type=f"{self._issuer}.{kind}", provider=self._issuer, data={"item": part})
        return OtherEvent(id=self._id, raw_event=chunk, name=kind, block=block)

    # -- calls ------------------------------------------------------------------------------------

    def _read_call(
        self, call: Mapping[str, Wire], rest: dict[str, Wire], chunk: Wire, events: list[Event]
    ) -> None:
        if self._call is not None and not call.get("name"):
            self._call.add(call, rest)
        else:
            self._close(chunk)
            events.extend(self._uncited())
            self._call = PendingCall(_checked(call), rest)
        if not call.get("willContinue"):
            events.extend(self._call_events(chunk))

    def _call_events(self, chunk: Wire) -> list[Event]:
        """The delta of a completed call; its end is held back."""
        call, self._call = self._call, None
        if call is None:
            return []
        given = call.given_id if isinstance(call.given_id, str) and call.given_id else None
        given = None if given in self._call_ids else given
        call_id = given or new_call_id()
        self._call_ids.add(call_id)
        named: dict[str, Any] = {"id": call_id, "raw_event": chunk, "call_id": call_id, "name": call.name}
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        state = {
            "id": None if given is None else True,
            "part": call.rest or None,
            "call": call.kept or None,
        }
        opaque = {self._issuer: {GENERATE: rest_of(state)}}
        self._held.append(ToolCallDone(**named, arguments_json=arguments, opaque=opaque))
        return [ToolCallDelta(**named, delta=arguments)]

    # -- ends of blocks ---------------------------------------------------------------------------

    def _close(self, chunk: Wire) -> None:
        """End the block that is open."""
        if self._thought:
            self._held.append(self._reasoning(self._thought, chunk, {}))
            self._thought = Segments()
        if self._text:
            state = self._text.state()
            opaque = {self._issuer: {GENERATE: state}} if state else {}
            self._held.append(
                MessageOutputDone(id=self._id, raw_event=chunk, output=self._text.text, opaque=opaque)
            )
            self._text = Segments()
        if self._call is not None:
            self._call_events(chunk)
        if self._audio:
            data = {
                **self._audio[0],
                "data": join_base64([str(piece.get("data") or "") for piece in self._audio]),
            }
            self._audio = []
            self._held.append(self._media({"inlineData": data}, str(data["mimeType"]), chunk))

    def _reasoning(self, segments: Segments, chunk: Wire, more: dict[str, Wire]) -> ReasoningDone:
        return ReasoningDone(
            id=self._id,
            raw_event=chunk,
            summary=segments.text or None,
            signature=segments.signature,
            provider=self._issuer,
            opaque={self._issuer: {GENERATE: {**segments.state(), **more}}},
        )

    def _uncited(self) -> list[Event]:
        """The blocks that were held back, if there is no text among them whose citations may follow."""
        return [] if any(isinstance(event, MessageOutputDone) for event in self._held) else self._release()

    def _release(self) -> list[Event]:
        """The blocks that were held back; what was cited so far belongs to the last text of them."""
        held, self._held = self._held, []
        for place in reversed(range(len(held))):
            event = held[place]
            if isinstance(event, MessageOutputDone) and self._citations:
                held[place] = attrs.evolve(event, **self._citations.take())
        return held

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """The completed blocks and ``response.done``.

        :raises StreamInterruptedError: no ``finishReason`` came.
        """
        if self._failure is not None:
            raise self._failure
        if self._finish is None and self._blocked is None:
            raise interrupted("a finishReason came")
        return self._end(self._raw)

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed response, or of a stream that came as a JSON array.

        :raises AgentParsingError: it is none, or has several candidates.
        """
        events: list[Event] = []
        for chunk in body if isinstance(body, list) else [body]:
            events += self.feed(chunk)
        if self._failure is not None:
            raise self._failure
        if not self._answered and self._blocked is None:
            raise AgentParsingError(f"the response has no candidates: {body!r:.200}")
        return [*(event for event in events if event.durable), *self._end(body)]

    def _end(self, raw: Wire) -> list[Event]:
        last = self._raw[-1] if self._raw else None
        self._close(last)
        events = self._release()
        events.extend(
            OtherEvent(id=self._id, raw_event=last, name=name) for name in self._citations.names
        )  # cited, with no text to belong to
        events.append(
            ResponseDone(
                id=self._id,
                raw_event=last,
                token_usage=self.usage,
                stop_reason=self._stop_reason(),
                raw_stop_reason=self._finish or self._blocked,
                response_id=self._id,
                model=self._model,
                raw=raw,
            )
        )
        return events

    def _stop_reason(self) -> StopReason:
        if self._finish is None and self._blocked is not None:
            return "content_filter" if _STOPS.get(self._blocked) == "content_filter" else "refusal"
        if self._call_ids and self._finish in _WITH_CALLS:
            return "tool_use"
        return _STOPS.get(self._finish or "", "other")


def _several(count: int) -> AgentParsingError:
    return AgentParsingError(
        f"the response has {count} candidates, and a message can be only one of them; "
        "leave candidateCount out of model_kwargs and ask several times instead",
        context={"candidates": count},
    )


def _word(value: Wire) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: Wire, name: str) -> list[Wire]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise AgentParsingError(f"{name} must be a list, got {value!r:.200}")
    return value


def _checked(call: Mapping[str, Wire]) -> Mapping[str, Wire]:
    """The call, if its name is a text and its arguments are an object."""
    if not isinstance(call.get("name") or "", str) or not isinstance(call.get("args") or {}, Mapping):
        raise AgentParsingError(f"a functionCall must have a name and an object of args, got {call!r:.200}")
    return call


def _as_it_is(value: Wire) -> Wire:
    return value
