"""Reads Chat Completions: the chunks of a stream, or a whole completion. Pure.

The wire has no "done" signals: reasoning, text and calls are complete when the stream is. Its terminal
marker is a ``finish_reason``; ``[DONE]`` alone proves nothing, and some servers never send it. A
``finish_reason`` may come before the last content, so nothing is closed on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

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
)
from lamella.providers import MakeMedia, interrupted, join_base64
from lamella.usage import TokenUsage
from lamella_openai.calls import CallAssembler
from lamella_openai.errors import reported_error
from lamella_openai.usage import read_chat_usage

__all__ = ["ChatDecoder"]

Wire: TypeAlias = Any

_STOPS: Final[Mapping[str, StopReason]] = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "content_filter",
}
_PCM: Final = "audio/pcm;rate=24000"
"""16 bits, little-endian, one channel: OpenAI, "Audio and speech"."""
_REASONING_FIELDS: Final = ("reasoning_content", "reasoning")


class ChatDecoder:
    """One completion.

    :param issuer: whose state the blocks carry.
    :param make_media: for what the model speaks; without it, or where it gives none, that stays opaque.
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
        self._usage: TokenUsage | None = None
        self._failure: LamellaError | None = None
        self._raw: list[Wire] = []
        self._last: Wire = None
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._transcript: list[str] = []
        self._reasoning: list[str] = []
        self._reasoning_fields: dict[str, None] = {}
        self._details: list[dict[str, Wire]] = []
        self._annotations: list[Wire] = []
        self._logprobs: list[Wire] = []
        self._audio: dict[str, Wire] = {}
        self._sound: list[str] = []
        self._calls = CallAssembler(issuer)

    @property
    def complete(self) -> bool:
        """Only an error ends a stream before its end: after a ``finish_reason`` the usage is still to come."""
        return self._failure is not None

    # -- a stream ---------------------------------------------------------------------------------

    def feed(self, chunk: Wire) -> list[Event]:
        """The events of one chunk.

        :raises AgentParsingError: it is no chunk, or of another choice than the first.
        """
        if not isinstance(chunk, dict):
            raise AgentParsingError(
                f"a chunk must be a JSON object, got {type(chunk).__name__}: {chunk!r:.200}"
            )
        self._raw.append(chunk)
        choices, usage = chunk.get("choices"), chunk.get("usage")
        if usage is not None or not choices or self._model is None or "error" in chunk:
            self._note(chunk)
            if self._failure is not None or not choices:
                return []
        if len(choices) > 1:
            raise self._several(len(choices))
        choice = choices[0]
        if index := choice.get("index"):
            raise self._several(index + 1)
        if finish := choice.get("finish_reason"):
            self._finish = str(finish)
            self._note(chunk)
        if logprobs := choice.get("logprobs"):
            self._take_logprobs(logprobs)
        delta = choice.get("delta")
        if not delta:
            return []
        if usage is None and len(delta) == 1 and type(content := delta.get("content")) is str and content:
            self._text.append(content)  # the usual chunk
            return [MessageOutputDelta(id=self._id, raw_event=chunk, delta=content)]
        return self._read(delta, chunk)

    def _note(self, chunk: Mapping[str, Wire]) -> None:
        """Take what stands beside the choices."""
        if error := chunk.get("error"):
            self._failure = reported_error(self._hide(error), where="the stream")
        self._id = self._id or chunk.get("id") or None
        self._model = self._model or chunk.get("model") or None
        usage = chunk.get("usage")
        if usage is None and isinstance(groq := chunk.get("x_groq"), Mapping):
            usage = groq.get("usage")
        self._usage = read_chat_usage(usage) or self._usage

    def _fresh(self, chunk: Mapping[str, Wire]) -> TokenUsage | None:
        """The usage, where this chunk reported it: some servers do on every chunk."""
        return self._usage if chunk.get("usage") is not None else None

    def _several(self, count: int) -> AgentParsingError:
        return AgentParsingError(
            f"the completion has {count} choices, and a message can be only one of them; "
            "leave n out of model_kwargs and ask several times instead",
            context={"choices": count},
        )

    def _read(self, delta: Mapping[str, Wire], chunk: Wire) -> list[Event]:
        """The events of a delta, or of a whole message: reasoning, text, refusal, calls."""
        events: list[Event] = []
        self._read_reasoning(delta, chunk, events)
        self._read_text(delta.get("content"), chunk, events)
        if refusal := delta.get("refusal"):
            self._say(self._refusal, refusal, chunk, events)
        if audio := delta.get("audio"):
            self._read_audio(audio, chunk, events)
        if calls := delta.get("tool_calls"):
            events.extend(self._calls.feed(calls, chunk))
        if call := delta.get("function_call"):
            events.extend(self._calls.feed_legacy(call, chunk))
        self._annotations.extend(delta.get("annotations") or ())
        return events

    def _read_text(self, content: Wire, chunk: Wire, events: list[Event]) -> None:
        if isinstance(content, str):
            self._say(self._text, content, chunk, events)
        elif isinstance(content, list):  # parts, as some servers send them
            for part in content:
                if isinstance(part, Mapping) and isinstance(part.get("text"), str):
                    self._say(self._text, part["text"], chunk, events)
                else:
                    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
                    events.append(OtherEvent(id=self._id, raw_event=chunk, name=f"content.{kind}"))

    def _say(self, pieces: list[str], piece: str, chunk: Wire, events: list[Event]) -> None:
        if piece:
            pieces.append(piece)
            usage = self._fresh(chunk)
            events.append(MessageOutputDelta(id=self._id, raw_event=chunk, token_usage=usage, delta=piece))

    def _read_reasoning(self, delta: Mapping[str, Wire], chunk: Wire, events: list[Event]) -> None:
        said: str | None = None
        for name in _REASONING_FIELDS:
            value = delta.get(name)
            if isinstance(value, str):
                self._reasoning_fields[name] = None
                said = said or value
        for detail in delta.get("reasoning_details") or ():
            _add_detail(self._details, detail)
        if said:
            self._reasoning.append(said)
            usage = self._fresh(chunk)
            events.append(ReasoningDelta(id=self._id, raw_event=chunk, token_usage=usage, delta=said))

    def _read_audio(self, audio: Mapping[str, Wire], chunk: Wire, events: list[Event]) -> None:
        for name, value in audio.items():
            if name == "data" and isinstance(value, str):
                self._sound.append(value)
            elif value is not None and name != "transcript":
                self._audio[name] = value
        if transcript := audio.get("transcript"):
            self._say(self._transcript, transcript, chunk, events)

    def _take_logprobs(self, logprobs: Mapping[str, Wire]) -> None:
        self._logprobs.extend(logprobs.get("content") or logprobs.get("refusal") or ())

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """The completed blocks and ``response.done``.

        :raises StreamInterruptedError: no ``finish_reason`` came.
        """
        if self._failure is not None:
            raise self._failure
        if self._finish is None:
            raise interrupted("a finish_reason came")
        return self._close(self._raw[-1] if self._raw else None, self._raw)

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed completion.

        :raises AgentParsingError: it is none, or has several choices.
        """
        if not isinstance(body, Mapping):
            raise AgentParsingError(
                f"a completion must be a JSON object, got {type(body).__name__}: {body!r:.200}"
            )
        self._note(body)
        if self._failure is not None:
            raise self._failure
        choices = body.get("choices") or []
        if len(choices) != 1:
            if choices:
                raise self._several(len(choices))
            raise AgentParsingError(f"the completion has no choices: {body!r:.200}")
        choice = choices[0]
        self._finish = str(choice["finish_reason"]) if choice.get("finish_reason") else None
        if choice.get("logprobs"):
            self._take_logprobs(choice["logprobs"])
        read = self._read(choice.get("message") or {}, body)
        return [*(event for event in read if event.durable), *self._close(body, body)]

    def _close(self, last: Wire, raw: Wire) -> list[Event]:
        events: list[Event] = []
        if self._reasoning_fields or self._details:
            events.append(self._reasoning_done(last))
        if self._text:
            events.append(self._text_done("".join(self._text), None, last))
        if self._transcript:
            events.append(self._text_done("".join(self._transcript), "transcript", last))
        if self._refusal:
            events.append(self._text_done("".join(self._refusal), "refusal", last))
        if self._audio or self._sound:
            events.append(self._audio_done(last))
        events.extend(self._calls.done(last))
        stop: StopReason = self._stop_reason()
        events.append(
            ResponseDone(
                id=self._id,
                raw_event=last,
                token_usage=self._usage,
                stop_reason=stop,
                raw_stop_reason=self._finish,
                response_id=self._id,
                model=self._model,
                raw=raw,
            )
        )
        return events

    def _stop_reason(self) -> StopReason:
        stop = _STOPS.get(self._finish or "", "other")
        if self._calls and (stop == "end_turn" or self._finish is None):
            return "tool_use"  # a forced call ends with "stop"
        if self._refusal and stop in ("end_turn", "content_filter"):
            return "refusal"
        return stop

    def _text_done(self, text: str, kind: str | None, last: Wire) -> MessageOutputDone:
        """A completed text. The citations and probabilities belong to the first."""
        annotations, self._annotations = self._annotations, []
        logprobs, self._logprobs = self._logprobs, []
        state = {} if kind is None else {"kind": kind}
        return MessageOutputDone(
            id=self._id,
            raw_event=last,
            output=text,
            annotations=annotations,
            logprobs=logprobs or None,
            opaque={self._issuer: {"chat": state}} if state or annotations else {},
        )

    def _reasoning_done(self, last: Wire) -> ReasoningDone:
        state: dict[str, Wire] = {"fields": list(self._reasoning_fields)}
        if self._details:
            state["raw"] = {"reasoning_details": self._details}
        return ReasoningDone(
            id=self._id,
            raw_event=last,
            text="".join(self._reasoning) if self._reasoning_fields else None,
            provider=self._issuer,
            opaque={self._issuer: {"chat": state}},
        )

    def _audio_done(self, last: Wire) -> Event:
        """What was said, as sound. The wire does not say its format; streamed sound is always bare PCM."""
        sound = join_base64(self._sound) if self._sound else ""
        words = "".join(self._transcript) or None
        if self._make_media is not None and sound:
            state = {self._issuer: {"chat": {"audio": self._audio}}}
            made = self._make_media("audio", sound, None, alt=words, opaque=state)
            made = made or self._make_media("audio", sound, _PCM, alt=words, opaque=state)
            if made is not None:
                return MediaOutputDone(id=self._audio.get("id"), raw_event=last, media=made)
        item = {
            **self._audio,
            **({"data": sound} if sound else {}),
            **({} if words is None else {"transcript": words}),
        }
        block = OpaqueContent(
            type=f"{self._issuer}.audio", provider=self._issuer, data={"api": "chat", "item": item}
        )
        return OtherEvent(id=self._audio.get("id"), raw_event=last, name="audio", block=block)


def _add_detail(details: list[dict[str, Wire]], detail: Wire) -> None:
    """Add a piece of ``reasoning_details``: pieces of one entry have its type and index."""
    if not isinstance(detail, Mapping):
        return
    last = details[-1] if details else None
    joins = last is not None and all(last.get(key) == detail.get(key) for key in ("type", "index"))
    if last is None or not joins or detail.get("type") == "reasoning.encrypted":
        details.append(dict(detail))
        return
    for key, value in detail.items():
        if key in ("text", "summary") and isinstance(value, str) and isinstance(last.get(key), str):
            last[key] += value
        elif value is not None:
            last[key] = value


def _as_it_is(value: Wire) -> Wire:
    return value
