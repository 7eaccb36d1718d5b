"""What a run leaves: its items, its place in the tree of agents, and its result."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Literal, TypeAlias, cast

import attrs

from lamella._frozen import EMPTY, JSON, Wire, as_tuple, freeze, freeze_mapping
from lamella.content import Block, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import OutputParserError
from lamella.events import StopReason
from lamella.losses import Loss
from lamella.messages import Message
from lamella.usage import Timing, TokenUsage

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Out_co = TypeVar("Out_co", default=Any, covariant=True)
else:
    from typing import TypeVar

    Out_co = TypeVar("Out_co", covariant=True)  # defaults of type variables are younger than Python 3.11

__all__ = [
    "AgentRun",
    "ChainRun",
    "ExtractionRun",
    "MessageOutputItem",
    "MessagesRun",
    "OutputRejectedItem",
    "ParallelRun",
    "ReasoningItem",
    "RunFailure",
    "RunItem",
    "RunResult",
    "RunStatus",
    "ToolCallItem",
    "ToolCallOutputItem",
]

RunStatus: TypeAlias = Literal["completed", "failed", "cancelled", "interrupted"]
"""``interrupted``: the events stop without a terminal one, the process died."""


# -- items ----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class RunItem:
    """One step of a run. ``turn`` counts model responses from 0; ``token_usage`` is set only where the provider isolates it."""

    type: ClassVar[str] = "item"
    role: ClassVar[str] = "assistant"

    id: str | None = None
    turn: int = 0
    _raw_item: Wire | None = attrs.field(default=None, repr=False, hash=False)
    token_usage: TokenUsage | None = None

    @property
    def raw_item(self) -> Wire | None:
        """The provider's item as it came, immutable."""
        return freeze(self._raw_item)


@attrs.frozen(kw_only=True)
class MessageOutputItem(RunItem):
    """Visible output: ``content`` is its text (empty for media), ``block`` the whole block."""

    type: ClassVar[Literal["message.output.item"]] = "message.output.item"
    block: Block

    @property
    def content(self) -> str:
        """The text of the output."""
        return self.block.text if isinstance(self.block, TextBlock) else ""


@attrs.frozen(kw_only=True)
class ToolCallItem(RunItem):
    """A tool call of the model."""

    type: ClassVar[Literal["tool.call.item"]] = "tool.call.item"
    role: ClassVar[str] = "tool_call"
    block: ToolCallBlock

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self.block.call_id

    @property
    def name(self) -> str:
        """The name of the tool."""
        return self.block.name

    @property
    def arguments(self) -> Mapping[str, Any] | None:
        """The arguments, ``None`` when they are no JSON object."""
        return self.block.arguments


@attrs.frozen(kw_only=True)
class ToolCallOutputItem(RunItem):
    """The output of a call."""

    type: ClassVar[Literal["tool.output.item"]] = "tool.output.item"
    role: ClassVar[str] = "tool_output"
    block: ToolOutputBlock

    @property
    def call_id(self) -> str:
        """The id of the call this answers."""
        return self.block.call_id

    @property
    def name(self) -> str | None:
        """The name of the tool."""
        return self.block.name

    @property
    def result(self) -> JSON:
        """The output: text, JSON, or blocks."""
        return self.block.output

    @property
    def is_error(self) -> bool:
        """Whether the tool failed."""
        return self.block.is_error


@attrs.frozen(kw_only=True)
class ReasoningItem(RunItem):
    """Reasoning of the model."""

    type: ClassVar[Literal["reasoning.item"]] = "reasoning.item"
    block: ReasoningBlock

    @property
    def summary(self) -> str | None:
        """The summary meant to be shown."""
        return self.block.summary

    @property
    def signature(self) -> str | None:
        """The issuer's signature or encrypted form."""
        return self.block.signature


@attrs.frozen(kw_only=True)
class OutputRejectedItem(RunItem):
    """What the model was told when its answer was not the structure that was asked for."""

    type: ClassVar[Literal["output.rejected.item"]] = "output.rejected.item"
    role: ClassVar[str] = "user"
    block: TextBlock

    @property
    def content(self) -> str:
        """The text."""
        return self.block.text


# -- the tree -------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class AgentRun:
    """Base of the recursive union, with its provenance: which agent, on what, with which settings (no secrets).

    ``token_usage`` includes everything below this run.
    """

    type: ClassVar[str] = "run"

    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, Any] | None = attrs.field(default=None, converter=freeze)
    token_usage: TokenUsage | None = None
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    @property
    def children(self) -> tuple[AgentRun, ...]:
        """The runs directly below this one."""
        return ()

    def walk(self) -> Iterator[AgentRun]:
        """This run and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@attrs.frozen(kw_only=True)
class MessagesRun(AgentRun):
    """A run that made messages; ``runs`` are the agents it called as tools."""

    type: ClassVar[Literal["messages"]] = "messages"
    messages: tuple[Message, ...] = attrs.field(default=(), converter=as_tuple)
    runs: tuple[AgentRun, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def children(self) -> tuple[AgentRun, ...]:
        return self.runs


@attrs.frozen(kw_only=True)
class ParallelRun(AgentRun):
    """Runs side by side, in the order they were given."""

    type: ClassVar[Literal["parallel"]] = "parallel"
    runs: tuple[AgentRun, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def children(self) -> tuple[AgentRun, ...]:
        return self.runs


@attrs.frozen(kw_only=True)
class ChainRun(AgentRun):
    """Runs one after the other."""

    type: ClassVar[Literal["chain"]] = "chain"
    runs: tuple[AgentRun, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def children(self) -> tuple[AgentRun, ...]:
        return self.runs


@attrs.frozen(kw_only=True)
class ExtractionRun(AgentRun):
    """A run that made one structured ``result``, as JSON; ``runs`` are the agents it called as tools."""

    type: ClassVar[Literal["extraction"]] = "extraction"
    messages: tuple[Message, ...] = attrs.field(default=(), converter=as_tuple)
    result: JSON = attrs.field(default=None, converter=freeze)
    runs: tuple[AgentRun, ...] = attrs.field(default=(), converter=as_tuple)

    @property
    def children(self) -> tuple[AgentRun, ...]:
        return self.runs


# -- the result -----------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class RunFailure:
    """Why a run failed, as its ``stream.error`` says."""

    message: str
    code: str
    error_type: str = "LamellaError"
    retryable: bool = False
    context: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping)


class _NoValue(enum.Enum):
    NO_VALUE = "no value"


NO_VALUE: Final = _NoValue.NO_VALUE
"""In place of a value where a run made none."""


@attrs.frozen(kw_only=True)
class RunResult(Generic[Out_co]):
    """What a run came to; computed by the fold from the run's events, live or stored.

    ``output`` is the text of the last assistant message, ``messages`` and ``new_items`` hold only
    what is new, ``input`` what the run was given (continue with ``[*result.history, Message.user(…)]``),
    ``token_usage`` the sum over all turns, retries and nested agents, ``losses`` what could not be
    sent as it was.

    ``value`` is the answer as the agent's ``output_type``; it is not stored.
    """

    run_id: str
    output: str
    new_items: tuple[RunItem, ...]
    token_usage: TokenUsage | None
    timing: Timing
    run: AgentRun
    messages: tuple[Message, ...]
    stop_reason: StopReason | None
    status: RunStatus = "completed"
    error: RunFailure | None = None
    input: tuple[Message, ...] = ()
    losses: tuple[Loss, ...] = ()
    started_at: float | None = None
    _value: Any = attrs.field(default=NO_VALUE, alias="value", eq=False, repr=False)

    @property
    def value(self) -> Out_co:
        """The answer: a validated value of the agent's ``output_type``, and the text of an agent without one.

        Of a run that was read from a store, and of layers, it is JSON where the run made any: what the type is
        made of (``OutputType.of(T).read(result.value).value``).

        :raises OutputParserError: an agent with an ``output_type`` came to none.
        """
        if self._value is not NO_VALUE:
            return cast("Out_co", self._value)
        if not isinstance(self.run, ExtractionRun):
            return cast("Out_co", self.output)
        if self.run.result is None:
            raise OutputParserError(
                f"run {self.run_id} ({self.status}) made no value: its output is {self.output[:200]!r}",
                context={"raw": self.output, "status": self.status},
                partial=self,
            )
        return cast("Out_co", self.run.result)

    @property
    def history(self) -> tuple[Message, ...]:
        """The conversation as it stands: ``input``, then ``messages``."""
        return (*self.input, *self.messages)
