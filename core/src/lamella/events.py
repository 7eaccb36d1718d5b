"""The events a run is made of, and their envelope.

``type`` is the stable JSON tag. Everything but ``*.delta`` is durable: the fold needs durable events
only. Third parties add event types by subclassing :class:`Event` under a prefix of their own
(``type = "acme.thing"``) and :func:`lamella.serial.register_event`; a stored event whose type nobody
registered is read as :class:`OpaqueEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from lamella._frozen import EMPTY, Wire, as_tuple, freeze, freeze_mapping
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
    freeze_output,
    settle_arguments,
)
from lamella.losses import Loss
from lamella.messages import Message
from lamella.usage import Timing, TokenUsage

__all__ = [
    "AgentEnd",
    "AgentStart",
    "ApprovalPending",
    "ApprovalResolved",
    "AttemptCommit",
    "AttemptRollback",
    "AttemptStart",
    "Event",
    "GuardrailOverride",
    "MediaOutputDone",
    "MessageOutputDelta",
    "MessageOutputDone",
    "OpaqueEvent",
    "OtherEvent",
    "ProgressEnd",
    "ProgressStart",
    "ProgressUpdate",
    "ReasoningDelta",
    "ReasoningDone",
    "ResponseDone",
    "RunKind",
    "RunStreamEvent",
    "StopReason",
    "StreamEnd",
    "StreamError",
    "StreamStart",
    "TextSoFar",
    "ToolCallDelta",
    "ToolCallDone",
    "ToolOutputDone",
]

StopReason: TypeAlias = Literal[
    "end_turn", "tool_use", "max_tokens", "stop_sequence", "refusal", "content_filter", "pause", "other"
]

RunKind: TypeAlias = Literal["messages", "parallel", "chain", "extraction"]


def _freeze_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(freeze(item) for item in value)


def _freeze_optional_tuple(value: Any) -> tuple[Any, ...] | None:
    return None if value is None else _freeze_tuple(value)


@attrs.frozen(kw_only=True)
class Event:
    """Base of all events.

    ``id`` is the provider's item id, ``raw_event`` the provider's chunk unaltered (frozen when read),
    ``token_usage`` the usage known at this event; each is ``None`` where there is none.
    """

    type: ClassVar[str] = "event"
    durable: ClassVar[bool] = True

    id: str | None = None
    _raw_event: Wire | None = attrs.field(default=None, repr=False)
    token_usage: TokenUsage | None = None
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    @property
    def raw_event(self) -> Wire | None:
        """The provider's chunk as it came, immutable."""
        return freeze(self._raw_event)


# -- the eleven -----------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class StreamStart(Event):
    """A run begins: what was asked of whom. First event of a run, once.

    ``input`` are the messages given, ``native_input`` the provider-native payload if one was given
    instead. ``started_at`` is Unix time in seconds. ``settings`` never hold secrets.
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
        default=None, converter=_freeze_optional_tuple, repr=False
    )
    started_at: float | None = None


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
    annotations: tuple[Any, ...] = attrs.field(default=(), converter=_freeze_tuple)
    logprobs: tuple[Any, ...] | None = attrs.field(default=None, converter=_freeze_optional_tuple, repr=False)
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

    def __attrs_post_init__(self) -> None:
        settle_arguments(self, "output")

    def block(self) -> ToolCallBlock:
        """The tool call block this event completes."""
        return ToolCallBlock(
            call_id=self.call_id, name=self.name, arguments_json=self.arguments_json, opaque=self.opaque
        )


@attrs.frozen(kw_only=True)
class ToolOutputDone(Event):
    """The framework ran a call: ``id`` equals ``call_id``; ``output`` as in ``ToolOutputBlock``."""

    type: ClassVar[Literal["tool.output.done"]] = "tool.output.done"
    call_id: str
    name: str | None = None
    output: Any = attrs.field(converter=freeze_output)
    is_error: bool = False

    def block(self) -> ToolOutputBlock:
        """The tool output block this event completes."""
        return ToolOutputBlock(
            call_id=self.call_id, name=self.name, output=self.output, is_error=self.is_error
        )


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
    """The run ended; exactly one of this and ``stream.error`` is last. ``result`` is that of an extraction."""

    type: ClassVar[Literal["stream.end"]] = "stream.end"
    output: str = ""
    stop_reason: StopReason = "end_turn"
    result: Any = attrs.field(default=None, converter=freeze)


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


# -- response, attempt, layers --------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class ResponseDone(Event):
    """One provider response is complete.

    ``raw_stop_reason`` is the provider's word, ``raw`` its payloads for this response, ``losses``
    what of the request could not be sent as it was. ``token_usage`` is the usage of this response.
    """

    type: ClassVar[Literal["response.done"]] = "response.done"
    stop_reason: StopReason = "end_turn"
    raw_stop_reason: str | None = None
    response_id: str | None = None
    provider: str | None = None
    model: str | None = None
    losses: tuple[Loss, ...] = attrs.field(default=(), converter=as_tuple)
    _raw: Wire | None = attrs.field(default=None, repr=False)

    @property
    def raw(self) -> Wire | None:
        """The provider's payloads as they came, immutable."""
        return freeze(self._raw)


@attrs.frozen(kw_only=True)
class AttemptStart(Event):
    """A request to a provider begins; ``attempt`` counts from 1."""

    type: ClassVar[Literal["attempt.start"]] = "attempt.start"
    attempt: int = 1
    provider: str | None = None
    model: str | None = None


@attrs.frozen(kw_only=True)
class AttemptRollback(Event):
    """An attempt failed and another follows after ``wait`` seconds: take back what it showed.

    ``visible`` says whether deltas of this attempt had been emitted.
    """

    type: ClassVar[Literal["attempt.rollback"]] = "attempt.rollback"
    attempt: int = 1
    error: str = ""
    code: str = "unknown"
    wait: float = 0.0
    visible: bool = False


@attrs.frozen(kw_only=True)
class AttemptCommit(Event):
    """The attempt's response is complete and stays."""

    type: ClassVar[Literal["attempt.commit"]] = "attempt.commit"
    attempt: int = 1


@attrs.frozen(kw_only=True)
class AgentStart(Event):
    """A nested agent begins; the envelope's ``path`` is that of the nested agent."""

    type: ClassVar[Literal["agent.start"]] = "agent.start"
    kind: RunKind = "messages"
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)
    system_instruction: str | None = None
    call_id: str | None = None
    input: tuple[Message, ...] = attrs.field(default=(), converter=as_tuple, repr=False)


@attrs.frozen(kw_only=True)
class AgentEnd(Event):
    """A nested agent ended; ``error`` and ``code`` are set when it failed."""

    type: ClassVar[Literal["agent.end"]] = "agent.end"
    agent: str | None = None
    output: str = ""
    stop_reason: StopReason = "end_turn"
    result: Any = attrs.field(default=None, converter=freeze)
    error: str | None = None
    code: str | None = None


# -- progress, guards, media ----------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class ProgressStart(Event):
    """Work begins under ``key``; ``details`` say what."""

    type: ClassVar[Literal["progress.start"]] = "progress.start"
    key: str
    details: str | None = None
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class ProgressUpdate(Event):
    """Work under ``key`` is done to ``fraction`` (0 to 1)."""

    type: ClassVar[Literal["progress.update"]] = "progress.update"
    key: str
    fraction: float
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class ProgressEnd(Event):
    """Work under ``key`` ended."""

    type: ClassVar[Literal["progress.end"]] = "progress.end"
    key: str
    call_id: str | None = None


@attrs.frozen(kw_only=True)
class ApprovalPending(Event):
    """A call waits for approval; the tool has not run."""

    type: ClassVar[Literal["approval.pending"]] = "approval.pending"
    call_id: str
    name: str
    arguments: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)


@attrs.frozen(kw_only=True)
class ApprovalResolved(Event):
    """The approval was given or denied; ``reason`` says why."""

    type: ClassVar[Literal["approval.resolved"]] = "approval.resolved"
    call_id: str
    name: str
    approved: bool
    reason: str | None = None


@attrs.frozen(kw_only=True)
class GuardrailOverride(Event):
    """An output guardrail replaced the answer: ``output`` is the text that stands."""

    type: ClassVar[Literal["guardrail.override"]] = "guardrail.override"
    output: str
    guardrail: str | None = None
    reason: str | None = None


@attrs.frozen(kw_only=True)
class MediaOutputDone(Event):
    """A model made media."""

    type: ClassVar[Literal["media.output.done"]] = "media.output.done"
    media: MediaContent | OpaqueContent

    def block(self) -> Block:
        """The media block this event completes."""
        return self.media


@attrs.frozen(kw_only=True)
class OpaqueEvent(Event):
    """A stored event of a type that this installation does not know, kept verbatim."""

    type: str  # type: ignore[misc]  # an instance attribute here: the stored tag
    data: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)


# -- the envelope ---------------------------------------------------------------------------------


class TextSoFar:
    """The text of a run as it grows: pieces are appended, positions are remembered, nothing is copied."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def append(self, piece: str) -> None:
        """Add a piece."""
        self._pieces.append(piece)

    def mark(self) -> tuple[list[str], int]:
        """A position: the text up to here, whatever is appended later."""
        return self._pieces, len(self._pieces)

    def replace(self, pieces: Sequence[str]) -> None:
        """Start over with ``pieces``; earlier marks keep the text they had."""
        self._pieces = list(pieces)


@attrs.frozen(kw_only=True)
class RunStreamEvent:
    """An event and its place in the run.

    ``seq`` counts from 0 without gaps at emission, ``path`` names the nested agent (empty for the
    run's own), ``token_usage`` is cumulative over the run, ``at``, ``start_time`` and
    ``first_token`` are monotonic seconds, read together through ``timing``.
    """

    event: Event
    run_id: str
    seq: int
    path: tuple[str, ...] = ()
    token_usage: TokenUsage | None = None
    at: float = 0.0
    start_time: float = 0.0
    first_token: float | None = None
    _text: tuple[list[str], int] | None = attrs.field(default=None, repr=False, eq=False)

    @property
    def type(self) -> str:
        """The event's type."""
        return self.event.type

    @property
    def output(self) -> str:
        """The text of the run up to this event, joined when asked for."""
        if self._text is None:
            return ""
        pieces, count = self._text
        return "".join(pieces[:count])

    @property
    def timing(self) -> Timing:
        """A snapshot: ``end_time`` is the moment of this event."""
        return Timing(start_time=self.start_time, end_time=self.at, first_token=self.first_token)
