"""The eleven: the events that a consumer handles to see a complete run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs

from lamella._frozen import EMPTY, as_tuple, freeze, freeze_mapping, freeze_optional_tuple, freeze_tuple
from lamella.content import OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.content.blocks import settle_arguments
from lamella.content.outputs import freeze_output
from lamella.events.base import Event, RunKind, StopReason
from lamella.messages import Message

__all__ = [
    "MessageOutputDelta",
    "MessageOutputDone",
    "OtherEvent",
    "ReasoningDelta",
    "ReasoningDone",
    "StreamEnd",
    "StreamError",
    "StreamResumed",
    "StreamStart",
    "ToolCallDelta",
    "ToolCallDone",
    "ToolEnd",
    "ToolOutputDone",
    "ToolStart",
]


@attrs.frozen(kw_only=True)
class StreamStart(Event):
    """A run begins: what was asked of whom. First event of a run, once.

    ``input`` are the messages given, ``native_input`` the provider-native payload if one was given
    instead. ``started_at`` is Unix time in seconds. ``settings`` never hold secrets. ``conversation`` is the id
    of the conversation that the run is part of, ``meta`` what the caller wrote on the run (``Agent.meta``).

    ``plain_input`` says that the input was a bare string.

    A fork says of which run it is one: its events before ``forked_at`` are those of ``forked_from``.
    """

    type: ClassVar[Literal["stream.start"]] = "stream.start"
    kind: RunKind = "messages"
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)
    system_instruction: str | None = None
    input: tuple[Message, ...] = attrs.field(default=(), converter=as_tuple, repr=False)
    native_input: tuple[Any, ...] | None = attrs.field(
        default=None, converter=freeze_optional_tuple, repr=False
    )
    plain_input: bool = False
    started_at: float | None = None
    conversation: str | None = None
    meta: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)
    forked_from: str | None = None
    forked_at: int | None = None


@attrs.frozen(kw_only=True)
class StreamResumed(Event):
    """An interrupted run goes on: the events before this one are those of the process that died.

    ``started_at`` is Unix time in seconds; the monotonic times of the envelopes leave out the time between.
    ``unknown`` are the ids of the calls that were running then: nobody knows what came of them. The other fields are
    those of the run's ``stream.start``, for those who have not seen it.
    """

    type: ClassVar[Literal["stream.resumed"]] = "stream.resumed"
    kind: RunKind = "messages"
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    conversation: str | None = None
    started_at: float | None = None
    unknown: tuple[str, ...] = attrs.field(default=(), converter=as_tuple)


@attrs.frozen(kw_only=True)
class MessageOutputDelta(Event):
    """A piece of visible text."""

    type: ClassVar[Literal["message.output.delta"]] = "message.output.delta"
    durable: ClassVar[bool] = False
    delta: str


@attrs.frozen(kw_only=True)
class MessageOutputDone(Event):
    """A contiguous block of text is complete; ``output`` is all of it."""

    type: ClassVar[Literal["message.output.done"]] = "message.output.done"
    output: str
    annotations: tuple[Any, ...] = attrs.field(default=(), converter=freeze_tuple)
    logprobs: tuple[Any, ...] | None = attrs.field(default=None, converter=freeze_optional_tuple, repr=False)
    opaque: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    def block(self) -> TextBlock:
        """The text block this event completes."""
        return TextBlock(
            text=self.output, annotations=self.annotations, logprobs=self.logprobs, opaque=self.opaque
        )


@attrs.frozen(kw_only=True)
class ToolCallDelta(Event):
    """A fragment of a call's arguments; ``call_id`` and ``name`` are on every fragment."""

    type: ClassVar[Literal["tool.call.delta"]] = "tool.call.delta"
    durable: ClassVar[bool] = False
    call_id: str
    name: str
    delta: str | Mapping[str, Any] = ""


@attrs.frozen(kw_only=True)
class ToolCallDone(Event):
    """A call is complete. ``arguments_json`` is the string as received, ``output`` its object or ``None``."""

    type: ClassVar[Literal["tool.call.done"]] = "tool.call.done"
    call_id: str
    name: str
    arguments_json: str = ""
    output: Mapping[str, Any] | None = None
    opaque: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)
    # The loop and the fold both ask for it.
    _block: ToolCallBlock | None = attrs.field(default=None, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        settle_arguments(self, "output")

    def block(self) -> ToolCallBlock:
        """The tool call block this event completes; always the same one."""
        if self._block is None:
            block = ToolCallBlock(
                call_id=self.call_id, name=self.name, arguments_json=self.arguments_json, opaque=self.opaque
            )
            object.__setattr__(self, "_block", block)
            return block
        return self._block


@attrs.frozen(kw_only=True)
class ToolOutputDone(Event):
    """The framework ran a call: ``id`` equals ``call_id``; ``output`` as in ``ToolOutputBlock``."""

    type: ClassVar[Literal["tool.output.done"]] = "tool.output.done"
    call_id: str
    name: str | None = None
    output: Any = attrs.field(converter=freeze_output)
    is_error: bool = False
    # The loop and the fold both ask for it.
    _block: ToolOutputBlock | None = attrs.field(default=None, init=False, eq=False, repr=False)

    def block(self) -> ToolOutputBlock:
        """The tool output block this event completes; always the same one."""
        if self._block is None:
            block = ToolOutputBlock(
                call_id=self.call_id, name=self.name, output=self.output, is_error=self.is_error
            )
            object.__setattr__(self, "_block", block)
            return block
        return self._block


@attrs.frozen(kw_only=True)
class ToolStart(Event):
    """A tool begins to run: its arguments are checked and it is approved; from here on it may have effects.

    With a journal it is stored before the tool runs, so that a call without it has not run, and a call with it
    and without an outcome is *unknown*.
    """

    type: ClassVar[Literal["tool.start"]] = "tool.start"
    call_id: str
    name: str


@attrs.frozen(kw_only=True)
class ToolEnd(Event):
    """A tool ended while a call before its own still runs; its ``tool.output.done`` follows in the order of the calls."""

    type: ClassVar[Literal["tool.end"]] = "tool.end"
    call_id: str
    name: str
    output: Any = attrs.field(default=None, converter=freeze_output)
    is_error: bool = False


@attrs.frozen(kw_only=True)
class ReasoningDelta(Event):
    """A piece of reasoning: of its ``summary`` or of its ``text``."""

    type: ClassVar[Literal["reasoning.delta"]] = "reasoning.delta"
    durable: ClassVar[bool] = False
    delta: str
    kind: Literal["summary", "text"] = "text"


@attrs.frozen(kw_only=True)
class ReasoningDone(Event):
    """A block of reasoning is complete; the fields are those of ``ReasoningBlock``."""

    type: ClassVar[Literal["reasoning.done"]] = "reasoning.done"
    summary: str | None = None
    text: str | None = None
    signature: str | None = attrs.field(default=None, repr=False)
    reasoning_id: str | None = None
    redacted: bool = False
    provider: str | None = None
    provider_meta: Mapping[str, Any] | None = attrs.field(default=None, converter=freeze)
    opaque: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    @property
    def output(self) -> str:
        """All deltas of the block: summary, then text."""
        return (self.summary or "") + (self.text or "")

    def block(self) -> ReasoningBlock:
        """The reasoning block this event completes."""
        return ReasoningBlock(
            summary=self.summary,
            text=self.text,
            signature=self.signature,
            reasoning_id=self.reasoning_id,
            redacted=self.redacted,
            provider=self.provider,
            provider_meta=self.provider_meta,
            opaque=self.opaque,
        )


@attrs.frozen(kw_only=True)
class StreamEnd(Event):
    """The run ended; exactly one of this and ``stream.error`` is last.

    ``result`` is that of an extraction, or of layers; ``kind`` what the run turned out to be, where ``stream.start``
    could not know it.
    """

    type: ClassVar[Literal["stream.end"]] = "stream.end"
    output: str = ""
    stop_reason: StopReason = "end_turn"
    result: Any = attrs.field(default=None, converter=freeze)
    kind: RunKind | None = None


@attrs.frozen(kw_only=True)
class StreamError(Event):
    """The run failed or was cancelled: the message and the stable code of the error."""

    type: ClassVar[Literal["stream.error"]] = "stream.error"
    error: str
    code: str = "unknown"
    error_type: str = "LamellaError"
    retryable: bool = False
    context: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)


@attrs.frozen(kw_only=True)
class OtherEvent(Event):
    """A provider event that has no canonical form: ``name`` is the provider's type, ``raw_event`` holds it.

    ``block`` is set when it completed server-side work that belongs into the message.
    """

    type: ClassVar[Literal["other.event"]] = "other.event"
    name: str | None = None
    block: OpaqueContent | None = None
