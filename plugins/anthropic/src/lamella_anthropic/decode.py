"""Reads the Messages API: the events of a stream ("Streaming messages"), or a whole message. Pure.

Blocks are kept by their ``index`` and given in its order, one after the other. The terminal marker is ``message_stop`` after a
``message_delta`` that gave a stop reason; ``[DONE]``, which gateways send, proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.errors import AgentParsingError, LamellaError
from lamella.events import (
    Event,
    MessageOutputDelta,
    OtherEvent,
    ReasoningDelta,
    ResponseDone,
    StopReason,
    ToolCallDelta,
    ToolCallDone,
)
from lamella.providers import Wire, interrupted
from lamella.usage import TokenUsage
from lamella_anthropic.blocks import call_of, kind_of, read_block
from lamella_anthropic.errors import reported_error
from lamella_anthropic.open_blocks import BlockQueue, OpenBlock, list_item
from lamella_anthropic.usage import merge_usage, read_usage

__all__ = ["MessagesDecoder"]

_STOPS: Final[Mapping[str, StopReason]] = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "pause_turn": "pause",
    "compaction": "pause",
}
_NOBODY: Final = object()
"""The index of no block."""


class MessagesDecoder:
    """One message.

    :param issuer: whose state the blocks carry.
    :param hide: takes secrets out of an error that a server reports.
    """

    def __init__(self, issuer: str, hide: Callable[[Wire], Wire] | None = None) -> None:
        self._issuer = issuer
        self._hide = hide or _as_it_is
        self._id: str | None = None
        self._model: str | None = None
        self._stop: str | None = None
        self._stopped = False
        self._called = False
        self._usage: Mapping[str, Wire] = {}
        self._unsaid: TokenUsage | None = None
        self._failure: LamellaError | None = None
        self._raw: list[Wire] = []
        self._open: dict[int, OpenBlock] = {}
        self._queue = BlockQueue()
        self._spoken_index: object = _NOBODY  # of the live text that is being received
        self._spoken: list[str] = []
        self._steps: Mapping[str, Callable[[dict[str, Wire]], list[Event]]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
            "ping": _nothing,
        }

    @property
    def complete(self) -> bool:
        """Whether ``message_stop`` or an error came."""
        return self._stopped or self._failure is not None

    # -- a stream ---------------------------------------------------------------------------------

    def feed(self, chunk: Wire) -> list[Event]:
        """The events of one event of the wire.

        :raises AgentParsingError: it is none, or a part of it has the wrong form.
        """
        if not isinstance(chunk, dict):
            raise AgentParsingError(
                f"an event must be a JSON object, got {type(chunk).__name__}: {chunk!r:.200}"
            )
        self._raw.append(chunk)
        kind = chunk.get("type")
        if kind == "content_block_delta":
            delta = chunk.get("delta")
            if (
                type(delta) is dict
                and delta.get("type") == "text_delta"
                and chunk.get("index") == self._spoken_index
                and type(text := delta.get("text")) is str
                and text
            ):  # the usual event
                self._spoken.append(text)
                return [MessageOutputDelta(id=self._id, raw_event=chunk, delta=text)]
            return self._delta(chunk)
        step = self._steps.get(kind) if isinstance(kind, str) else None
        if step is not None:
            return step(chunk)
        if "error" in chunk:
            return self._error(chunk)
        return [OtherEvent(id=self._id, raw_event=chunk, name=str(kind) if kind else None)]

    def _message_start(self, chunk: dict[str, Wire]) -> list[Event]:
        message = chunk.get("message")
        if not isinstance(message, Mapping):
            raise AgentParsingError(f"message_start holds no message: {chunk!r:.200}")
        self._note(message)
        self._unsaid = read_usage(self._usage)
        events: list[Event] = []
        for item in message.get("content") or ():  # a turn that goes on with calls made before
            events += self._read(item, chunk)
        return events

    def _note(self, message: Mapping[str, Wire]) -> None:
        """Take what stands beside the content."""
        self._id = _word(message.get("id")) or self._id
        self._model = _word(message.get("model")) or self._model
        self._stop = _word(message.get("stop_reason")) or self._stop
        self._usage = merge_usage(self._usage, message.get("usage"))

    def _message_delta(self, chunk: dict[str, Wire]) -> list[Event]:
        delta = chunk.get("delta")
        if isinstance(delta, Mapping):
            self._stop = _word(delta.get("stop_reason")) or self._stop
        self._usage = merge_usage(self._usage, chunk.get("usage"))
        return []

    def _message_stop(self, chunk: dict[str, Wire]) -> list[Event]:
        self._stopped = True
        return []

    def _error(self, chunk: dict[str, Wire]) -> list[Event]:
        self._failure = reported_error(self._hide(chunk), where="the stream")
        return []

    def _fresh(self) -> TokenUsage | None:
        """The usage, once after it was reported: a stream that breaks off has cost it."""
        usage, self._unsaid = self._unsaid, None
        return usage

    # -- blocks -----------------------------------------------------------------------------------

    def _block_start(self, chunk: dict[str, Wire]) -> list[Event]:
        item: Any = chunk.get("content_block")
        kind = kind_of(item)
        index = chunk.get("index")
        place = index if type(index) is int else self._queue.after_last
        events = self._close(self._open.pop(place, None), chunk)  # a gateway that counts 0, 0, 0
        block, due = self._begin(place, item)
        events += due
        if kind == "text" and item.get("text"):
            events += block.emit(self._said(str(item["text"]), chunk))
        elif kind == "thinking" and item.get("thinking"):
            events += block.emit(self._thought(str(item["thinking"]), chunk))
        elif kind == "tool_use":
            call_of(item)
        return events

    def _begin(self, index: int, item: Mapping[str, Wire]) -> tuple[OpenBlock, list[Event]]:
        block = self._open[index] = OpenBlock(index, item)
        return block, self._queue.add(block)

    def _delta(self, chunk: dict[str, Wire]) -> list[Event]:
        delta = chunk.get("delta")
        if not isinstance(delta, Mapping):
            raise AgentParsingError(f"content_block_delta holds no delta: {chunk!r:.200}")
        kind = delta.get("type")
        index = chunk.get("index")
        block = self._open.get(index) if type(index) is int else None
        due: list[Event] = []
        if block is None:
            block, due = self._block_without_start(kind, chunk)
        if kind == "text_delta" and block.kind == "text":
            text = _piece(delta, "text")
            block.add("text", text)
            if block.live:
                self._spoken_index, self._spoken = block.index, block.pieces["text"]
            return due + block.emit(self._said(text, chunk)) if text else due
        return due + self._take(kind, block, delta, chunk)

    def _take(
        self, kind: Wire, block: OpenBlock, delta: Mapping[str, Wire], chunk: dict[str, Wire]
    ) -> list[Event]:
        """A piece of anything but text."""
        if kind == "input_json_delta":
            text = _piece(delta, "partial_json")
            block.json.append(text)
            shown = block.kind == "tool_use" and text
            return block.emit(self._called_with(block, text, chunk)) if shown else []
        if kind == "thinking_delta" and block.kind == "thinking":
            text = _piece(delta, "thinking")
            block.add("thinking", text)
            if text:
                return block.emit(self._thought(text, chunk))
            counted = len(delta) > 2  # hidden thinking is counted (beta)
            return block.emit(OtherEvent(id=self._id, raw_event=chunk, name=kind)) if counted else []
        if kind == "signature_delta":
            block.add("signature", _piece(delta, "signature"))
            return []
        if kind == "citations_delta" and block.kind == "text":
            block.add("citations", list_item(delta.get("citation")))
            return []
        for name, value in delta.items():
            if name != "type" and value is not None:
                block.add(name, value)
        if kind == "compaction_delta":
            return []
        return block.emit(OtherEvent(id=self._id, raw_event=chunk, name=_word(kind)))

    def _block_without_start(self, kind: Wire, chunk: dict[str, Wire]) -> tuple[OpenBlock, list[Event]]:
        """The block of a delta without an index, or one whose start never came: a call cannot be without."""
        index = chunk.get("index")
        if type(index) is not int and len(self._open) == 1:
            return next(iter(self._open.values())), []
        begun = {"text_delta": {"type": "text"}, "thinking_delta": {"type": "thinking"}}
        if not isinstance(kind, str) or kind not in begun or not isinstance(index, int | None):
            raise AgentParsingError(f"a piece came for a block that was not begun: {chunk!r:.200}")
        return self._begin(self._queue.after_last if index is None else index, begun[kind])

    def _called_with(self, block: OpenBlock, text: str, chunk: dict[str, Wire]) -> Event:
        call_id, name = call_of(block.start)
        return ToolCallDelta(
            id=call_id, raw_event=chunk, token_usage=self._fresh(), call_id=call_id, name=name, delta=text
        )

    def _said(self, text: str, chunk: dict[str, Wire]) -> Event:
        if self._unsaid is None:
            return MessageOutputDelta(id=self._id, raw_event=chunk, delta=text)
        return MessageOutputDelta(id=self._id, raw_event=chunk, token_usage=self._fresh(), delta=text)

    def _thought(self, text: str, chunk: dict[str, Wire]) -> Event:
        return ReasoningDelta(id=self._id, raw_event=chunk, token_usage=self._fresh(), delta=text)

    def _block_stop(self, chunk: dict[str, Wire]) -> list[Event]:
        index = chunk.get("index")
        if type(index) is not int and len(self._open) == 1:
            index = next(iter(self._open))
        return self._close(self._open.pop(index, None) if type(index) is int else None, chunk)

    def _close(self, block: OpenBlock | None, chunk: Wire) -> list[Event]:
        """End a block, and give the events whose turn it is."""
        if block is None:
            return []
        self._spoken_index = _NOBODY
        item, cut = block.whole()
        arguments = block.arguments() if block.kind == "tool_use" else None
        events: list[Event] = []
        if arguments is not None and not any(block.json):
            events += block.emit(self._called_with(block, arguments, chunk))
        events += block.emit(*self._read(item, chunk, arguments=arguments, cut=cut))
        block.closed = True
        return [*events, *self._queue.advance()]

    def _read(
        self, item: Wire, chunk: Wire, *, arguments: str | None = None, cut: str | None = None
    ) -> list[Event]:
        kind = kind_of(item)
        if kind == "fallback" and isinstance(target := item.get("to"), Mapping):
            self._model = _word(target.get("model")) or self._model
        events = read_block(item, self._issuer, chunk, response_id=self._id, arguments=arguments, cut=cut)
        self._called = self._called or any(type(event) is ToolCallDone for event in events)
        return events

    # -- the end ----------------------------------------------------------------------------------

    def finish(self) -> list[Event]:
        """The blocks that are still open, and ``response.done``.

        :raises StreamInterruptedError: no ``message_stop`` or no stop reason came.
        """
        if self._failure is not None:
            raise self._failure
        if not self._stopped:
            raise interrupted("message_stop came")
        if self._stop is None:
            raise interrupted("a message_delta with a stop_reason came")
        last = self._raw[-1]
        events: list[Event] = []
        for block in list(self._open.values()):
            events += self._close(self._open.pop(block.index), last)
        return [*events, *self._queue.advance(everything=True), self._done(last, self._raw)]

    def whole(self, body: Wire) -> list[Event]:
        """The events of an unstreamed message.

        :raises AgentParsingError: it is none.
        """
        if not isinstance(body, Mapping):
            raise AgentParsingError(
                f"a message must be a JSON object, got {type(body).__name__}: {body!r:.200}"
            )
        if body.get("type") == "error" or ("error" in body and "content" not in body):
            raise reported_error(self._hide(body), where="the response")
        content = body.get("content")
        if not isinstance(content, list):
            raise AgentParsingError(f"the message has no list of content: {body!r:.200}")
        self._note(body)
        events = [event for item in content for event in self._read(item, body)]
        return [*events, self._done(body, body)]

    def _done(self, last: Wire, raw: Wire) -> ResponseDone:
        return ResponseDone(
            id=self._id,
            raw_event=last,
            token_usage=read_usage(self._usage),
            stop_reason=self._stop_reason(),
            raw_stop_reason=self._stop,
            response_id=self._id,
            model=self._model,
            raw=raw,
        )

    def _stop_reason(self) -> StopReason:
        if self._called and self._stop in (None, "end_turn"):
            return "tool_use"  # a gateway that does not tell the two apart
        return _STOPS.get(self._stop or "", "other")


def _piece(delta: Mapping[str, Wire], field: str) -> str:
    piece = delta.get(field)
    if piece is None:
        return ""
    if not isinstance(piece, str):
        raise AgentParsingError(f"{field} of a {delta.get('type')} must be a text, got {piece!r:.200}")
    return piece


def _word(value: Wire) -> str | None:
    return value if isinstance(value, str) and value else None


def _nothing(chunk: dict[str, Any]) -> list[Event]:
    return []


def _as_it_is(value: Wire) -> Wire:
    return value
