"""Reads chat completions: the chunks of a stream, or a whole completion. Pure.

The content of a delta is a text, or a list of chunks: thinking comes in lists, the answer in texts, and
one list may hold the last of the one and the first of the other. ``closed`` stands on pieces of thinking
and ends nothing. The terminal marker is a ``finish_reason``; usage comes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from lamella.errors import AgentParsingError, LamellaError, ServerError
from lamella.events import Event, MessageOutputDelta, OtherEvent, ReasoningDelta, ResponseDone, StopReason
from lamella.providers import Wire, interrupted
from lamella.usage import TokenUsage
from lamella_mistral.calls import Calls
from lamella_mistral.chunks import TextRun, ThinkingRun, opaque_event
from lamella_mistral.errors import is_error, reported_error
from lamella_mistral.usage import read_usage

__all__ = ["Decoder"]

_Delta = TypeVar("_Delta", MessageOutputDelta, ReasoningDelta)

_STOPS: Final[Mapping[str, StopReason]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "model_length": "max_tokens",
    "tool_calls": "tool_use",
}


class Decoder:
    """One completion.

    :param issuer: whose state the blocks carry.
    :param hide: takes secrets out of an error that a server reports.
    """

    def __init__(self, issuer: str, hide: Callable[[Wire], Wire] | None = None) -> None:
        self._issuer = issuer
        self._hide = hide or _as_it_is
        self._id: str | None = None
        self._model: str | None = None
        self._finish: str | None = None
        self._usage: TokenUsage | None = None
        self._failure: LamellaError | None = None
        self._raw: list[Wire] = []
        self._run: TextRun | ThinkingRun | None = None
        self._logprobs: list[Wire] = []
        self._calls = Calls(issuer)

    @property
    def complete(self) -> bool:
        """Only an error ends a stream before its end: compatible servers may send the usage later."""
        return self._failure is not None

    # -- a stream ---------------------------------------------------------------------------------

    def feed(self, chunk: Wire) -> list[Event]:
        """The events of one chunk.

        :raises AgentParsingError: it is no chunk, or of another choice than the first.
        """
        self._raw.append(chunk)
        run = self._run
        if type(run) is TextRun and (text := _more_text(chunk)):
            run.add(text)
            return [MessageOutputDelta(id=self._id, raw_event=chunk, delta=text)]
        choice = self._choice(chunk, "chunk")
        if choice is None:
            return self._other(chunk)
        delta = choice.get("delta")
        if not delta:
            return []
        if not isinstance(delta, Mapping):
            raise _wrong("a delta", delta)
        events = self._read_content(delta.get("content"), chunk)
        if calls := delta.get("tool_calls"):
            events.extend(self._calls.feed(calls, chunk))
        return events

    def _other(self, chunk: Mapping[str, Wire]) -> list[Event]:
        """The event of a chunk without choices: none for an error or for usage alone."""
        if self._failure is not None or chunk.get("usage") is not None:
            return []
        return [OtherEvent(id=self._id, raw_event=chunk, name=str(chunk.get("object") or "chunk"))]

    def _choice(self, body: Wire, what: str) -> Mapping[str, Wire] | None:
        """The one choice of a chunk or a completion, ``None`` where it has none."""
        if not isinstance(body, Mapping):
            raise _wrong(f"a {what}", body)
        if is_error(body):
            self._failure = reported_error(self._hide(body), where=f"the {what}")
            return None
        self._id = self._id or _word(body.get("id"))
        self._model = self._model or _word(body.get("model"))
        self._usage = read_usage(body.get("usage")) or self._usage
        choices = body.get("choices")
        if not choices:
            return None
        if not isinstance(choices, list) or not isinstance(choices[0], Mapping):
            raise _wrong("choices", choices, "a list of JSON objects")
        choice: Mapping[str, Wire] = choices[0]
        if len(choices) > 1 or choice.get("index"):
            raise _several(max(len(choices), 2))
        if finish := choice.get("finish_reason"):
            self._finish = str(finish)
        self._take_logprobs(choice.get("logprobs"))
        return choice

    def _take_logprobs(self, logprobs: Wire) -> None:
        found = logprobs.get("content") if isinstance(logprobs, Mapping) else None
        if isinstance(found, list):
            self._logprobs.extend(found)

    # -- content ----------------------------------------------------------------------------------

    def _read_content(self, content: Wire, chunk: Wire) -> list[Event]:
        """The events of a delta's content."""
        events: list[Event] = []
        if isinstance(content, str):
            if content:
                self._say(content, chunk, events)
        elif isinstance(content, list):
            for part in content:
                self._read_part(part, chunk, events, whole=False)
        elif content is not None:
            raise _wrong("content", content, "a text or a list of chunks")
        return events

    def _say(self, text: str, chunk: Wire, events: list[Event]) -> None:
        self._text_run(chunk, events).add(text)
        events.append(self._delta(MessageOutputDelta, text, chunk))

    def _read_part(self, part: Wire, chunk: Wire, events: list[Event], *, whole: bool) -> None:
        """One content chunk. In a whole message each thinking chunk is one of its own."""
        if isinstance(part, str):
            self._say(part, chunk, events)
            return
        if not isinstance(part, Mapping):
            raise _wrong("a content chunk", part)
        kind = part.get("type")
        if kind == "text":
            if text := self._text_run(chunk, events).add_chunk(part):
                events.append(self._delta(MessageOutputDelta, text, chunk))
        elif kind == "thinking":
            if text := self._thinking_run(chunk, events, fresh=whole).add_chunk(part):
                events.append(self._delta(ReasoningDelta, text, chunk))
        elif kind == "reference":
            self._text_run(chunk, events).refer(part)
        else:
            events.extend(self._end_run(chunk))
            events.append(opaque_event(part, self._issuer, chunk))

    def _delta(self, kind: type[_Delta], text: str, chunk: Mapping[str, Wire]) -> _Delta:
        """A delta; with the usage, where its chunk reported one."""
        usage = self._usage if chunk.get("usage") is not None else None
        return kind(id=self._id, raw_event=chunk, token_usage=usage, delta=text)

    def _text_run(self, chunk: Wire, events: list[Event]) -> TextRun:
        if not isinstance(self._run, TextRun):
            events.extend(self._end_run(chunk))
            self._run = TextRun()
        return self._run

    def _thinking_run(self, chunk: Wire, events: list[Event], *, fresh: bool) -> ThinkingRun:
        if fresh or not isinstance(self._run, ThinkingRun) or self._run.signed:
            events.extend(self._end_run(chunk))
            self._run = ThinkingRun()
        return self._run

    def _end_run(self, chunk: Wire, *, last: bool = False) -> list[Event]:
        run, self._run = self._run, None
        if isinstance(run, ThinkingRun):
            return [run.done(self._issuer, chunk, self._id)]
        if run is None:
            return []
        # A whole completion has the probabilities in one list: they go to the last text.
        return run.done(self._issuer, chunk, self._id, self._logprobs if last else ())

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """The blocks that are still open, and ``response.done``.

        :raises StreamInterruptedError: no ``finish_reason`` came.
        """
        return self._close(self._raw[-1] if self._raw else None, self._raw)

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed completion.

        :raises AgentParsingError: it is none, or has several choices.
        """
        choice = self._choice(body, "completion")
        events: list[Event] = []
        if choice is not None:
            message = choice.get("message") or {}
            if not isinstance(message, Mapping):
                raise _wrong("a message", message)
            content = message.get("content")
            parts = [content] if isinstance(content, str) and content else content or ()
            if not isinstance(parts, list | tuple):
                raise _wrong("content", content, "a text or a list of chunks")
            for part in parts:
                self._read_part(part, body, events, whole=True)
            if calls := message.get("tool_calls"):
                self._calls.take_whole(calls)
        elif self._failure is None:
            raise AgentParsingError(f"the completion has no choices: {body!r:.200}")
        return [*(event for event in events if event.durable), *self._close(body, body)]

    def _close(self, last: Wire, raw: Wire) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        if self._finish is None:
            raise interrupted("a finish_reason came")
        if self._finish == "error":
            raise ServerError(
                'the server broke the answer off (finish_reason "error")', context={"type": "error"}
            )
        return [
            *self._end_run(last, last=True),
            *self._calls.done(last),
            ResponseDone(
                id=self._id,
                raw_event=last,
                token_usage=self._usage,
                stop_reason=self._stop_reason(self._finish),
                raw_stop_reason=self._finish,
                response_id=self._id,
                model=self._model,
                raw=raw,
            ),
        ]

    def _stop_reason(self, finish: str) -> StopReason:
        stop = _STOPS.get(finish, "other")
        return "tool_use" if self._calls and stop == "end_turn" else stop


def _more_text(chunk: Wire) -> str | None:
    """The text of the usual chunk, which says nothing else; ``None`` for any other."""
    try:
        (choice,) = chunk["choices"]
        content = choice["delta"]["content"]
        plain = type(content) is str and len(choice["delta"]) == 1 and choice["finish_reason"] is None
        if (
            plain
            and choice["index"] == 0
            and len(choice) == 3
            and "usage" not in chunk
            and "error" not in chunk
        ):
            return str(content)
    except (KeyError, TypeError, ValueError):
        return None
    return None


def _several(count: int) -> AgentParsingError:
    return AgentParsingError(
        f"the completion has {count} choices, and a message can be only one of them; "
        "leave n out of model_kwargs and ask several times instead",
        context={"choices": count},
    )


def _wrong(what: str, value: Wire, wanted: str = "a JSON object") -> AgentParsingError:
    return AgentParsingError(f"{what} must be {wanted}, got {type(value).__name__}: {value!r:.200}")


def _word(value: Wire) -> str | None:
    return value if isinstance(value, str) and value else None


def _as_it_is(value: Wire) -> Wire:
    return value
