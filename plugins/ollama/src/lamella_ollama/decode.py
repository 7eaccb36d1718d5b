"""Reads answers of ``/api/chat``: the lines of a stream, or a whole answer. Pure.

A stream is complete with the line that says ``done: true``. The wire has no "done" signals for its
parts: reasoning, text and calls are complete with it. Calls come whole, in any line, the last one too,
and a ``done_reason`` of ``stop`` does not mean that there are none. There is no id of the response.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from lamella.content import OpaqueContent
from lamella.errors import AgentParsingError, LamellaError
from lamella.events import (
    Event,
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
from lamella.providers import Wire, interrupted
from lamella.usage import TokenUsage
from lamella_ollama.errors import reported_error
from lamella_ollama.usage import read_usage

__all__ = ["OllamaDecoder", "new_call_id"]

_STOPS: Final[Mapping[str, StopReason]] = {"stop": "end_turn", "length": "max_tokens"}
"""``load`` and ``unload`` answer requests without messages."""

_READ: Final = frozenset({"role", "content", "thinking", "tool_calls"})


def new_call_id() -> str:
    """A call id for a server that sends none; it never repeats."""
    return f"call_{uuid.uuid4().hex}"


class OllamaDecoder:
    """One answer.

    :param issuer: whose state the blocks carry.
    :param hide: takes secrets out of an error that a server reports.
    """

    def __init__(self, issuer: str, hide: Callable[[Wire], Wire] | None = None) -> None:
        self._issuer = issuer
        self._hide = hide or _as_it_is
        self._model: str | None = None
        self._done = False
        self._reason: str | None = None
        self._usage: TokenUsage | None = None
        self._failure: LamellaError | None = None
        self._raw: list[Wire] = []
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._logprobs: list[Wire] = []
        self._calls: list[ToolCallDone] = []
        self._unread: dict[str, Wire] = {}

    @property
    def complete(self) -> bool:
        """Whether ``done: true`` or an error came: nothing follows either."""
        return self._done or self._failure is not None

    # -- a stream ---------------------------------------------------------------------------------

    def feed(self, chunk: Wire) -> list[Event]:
        """The events of one line.

        :raises AgentParsingError: it is no line of an answer.
        """
        if not isinstance(chunk, dict):
            raise _wrong("a line", "an object", chunk)
        self._raw.append(chunk)
        message = chunk.get("message")
        if type(message) is dict and len(message) == 2 and len(chunk) == 4 and chunk.get("done") is False:
            content = message.get("content")
            if type(content) is str and content and "role" in message and self._model is not None:
                self._text.append(content)  # the usual line
                return [MessageOutputDelta(raw_event=chunk, delta=content)]
        return self._read(chunk, "the stream")

    def _read(self, body: Mapping[str, Wire], where: str) -> list[Event]:
        """The events of a line, or of a whole answer."""
        if (error := body.get("error")) is not None:
            self._failure = reported_error(self._hide(error), where=where)
            return []
        done, message = body.get("done"), body.get("message")
        if message is None and not done:
            name = body.get("status") if isinstance(body.get("status"), str) else "line"
            return [OtherEvent(raw_event=body, name=name)]
        if message is not None and not isinstance(message, Mapping):
            raise _wrong("message", "an object", message)
        if isinstance(model := body.get("model"), str):
            self._model = self._model or model or None
        events: list[Event] = [] if message is None else self._read_message(message, body)
        if (logprobs := body.get("logprobs")) is not None:
            self._logprobs.extend(_list_of("logprobs", logprobs))
        if done:
            self._done = True
            self._reason = str(body["done_reason"]) if body.get("done_reason") else None
            self._usage = read_usage(body)
        return events

    def _read_message(self, message: Mapping[str, Wire], chunk: Wire) -> list[Event]:
        events: list[Event] = []
        if thought := _text_of(message, "thinking"):
            self._thinking.append(thought)
            events.append(ReasoningDelta(raw_event=chunk, delta=thought))
        if said := _text_of(message, "content"):
            self._text.append(said)
            events.append(MessageOutputDelta(raw_event=chunk, delta=said))
        if (calls := message.get("tool_calls")) is not None:
            events.extend(self._read_call(call, chunk) for call in _list_of("tool_calls", calls))
        for name, value in message.items():
            if name not in _READ:
                _add(self._unread, name, value)
        return events

    def _read_call(self, call: Wire, chunk: Wire) -> ToolCallDelta:
        """Take a call; its one delta is all of it."""
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise _wrong("a call", "an object with a function", call)
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise _wrong("the name of a call", "a text", name)
        given = call.get("id")
        taken = {known.call_id for known in self._calls}
        call_id = given if isinstance(given, str) and given and given not in taken else new_call_id()
        done = ToolCallDone(
            raw_event=chunk,
            call_id=call_id,
            name=name,
            arguments_json=_arguments(function.get("arguments")),
            opaque=self._call_state(call, function),
        )
        self._calls.append(done)
        return ToolCallDelta(raw_event=chunk, call_id=call_id, name=name, delta=done.arguments_json)

    def _call_state(self, call: Mapping[str, Wire], function: Mapping[str, Wire]) -> dict[str, Wire]:
        """What of a call is no part of its block, such as its index."""
        rest = {key: value for key, value in call.items() if key not in ("id", "function")}
        inner = {key: value for key, value in function.items() if key not in ("name", "arguments")}
        if inner:
            rest["function"] = inner
        return {self._issuer: rest} if rest else {}

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """The completed blocks and ``response.done``.

        :raises StreamInterruptedError: no line said ``done: true``.
        """
        if self._failure is not None:
            raise self._failure
        if not self._done:
            raise interrupted("done: true came")
        return self._close(self._raw[-1], self._raw)

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed answer.

        :raises AgentParsingError: it is none.
        :raises StreamInterruptedError: it is not said to be done.
        """
        if not isinstance(body, dict):
            raise _wrong("an answer", "an object", body)
        if "message" not in body and "error" not in body:
            raise AgentParsingError(f"the answer holds no message: {body!r:.200}")
        self._read(body, "the answer")
        if self._failure is not None:
            raise self._failure
        if not self._done:
            raise interrupted("done: true came")
        return self._close(body, body)

    def _close(self, last: Wire, raw: Wire) -> list[Event]:
        events: list[Event] = []
        if self._thinking:
            thoughts = "".join(self._thinking)
            events.append(ReasoningDone(raw_event=last, text=thoughts, provider=self._issuer))
        if self._text:
            said = "".join(self._text)
            events.append(MessageOutputDone(raw_event=last, output=said, logprobs=self._logprobs or None))
        if self._unread:
            block = OpaqueContent(
                type=f"{self._issuer}.message", provider=self._issuer, data={"item": self._unread}
            )
            events.append(OtherEvent(raw_event=last, name="message", block=block))
        events.extend(self._calls)
        events.append(
            ResponseDone(
                raw_event=last,
                token_usage=self._usage,
                stop_reason=self._stop_reason(),
                raw_stop_reason=self._reason,
                model=self._model,
                raw=raw,
            )
        )
        return events

    def _stop_reason(self) -> StopReason:
        # Servers before 0.1.39 give no reason.
        stop = "end_turn" if self._reason is None else _STOPS.get(self._reason, "other")
        return "tool_use" if self._calls and stop == "end_turn" else stop


def _text_of(message: Mapping[str, Wire], name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "a text", value)
    return value


def _list_of(name: str, value: Wire) -> list[Wire]:
    if not isinstance(value, list):
        raise _wrong(name, "a list", value)
    return value


def _wrong(what: str, wanted: str, value: Wire) -> AgentParsingError:
    return AgentParsingError(f"{what} must be {wanted}, got {type(value).__name__}: {value!r:.200}")


def _arguments(value: Wire) -> str:
    """The text of arguments: they come as an object, from some proxies as its text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _add(known: dict[str, Wire], name: str, value: Wire) -> None:
    """Add the piece of a field that may come in several lines."""
    before = known.get(name)
    if isinstance(before, str) and isinstance(value, str):
        known[name] = before + value
    elif isinstance(before, list) and isinstance(value, list):
        known[name] = [*before, *value]
    elif value is not None:
        known[name] = value


def _as_it_is(value: Wire) -> Wire:
    return value
