"""The fold: the one function that makes a ``RunResult`` of a run's events.

It reads durable events only, so a live stream and its stored form give equal results. It is also
incremental: the agent loop feeds it while it emits, and never aggregates anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from lamella.content import TextBlock, ToolOutputBlock
from lamella.errors import AgentParsingError, ErrorCode
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptCommit,
    AttemptRollback,
    Event,
    GuardrailOverride,
    OutputRejected,
    ResponseDone,
    RunKind,
    RunStreamEvent,
    StopReason,
    StreamEnd,
    StreamError,
    StreamStart,
    ToolOutputDone,
)
from lamella.losses import Loss
from lamella.messages import Message
from lamella.response import ResponseFold, item_of, spent
from lamella.runs import (
    AgentRun,
    ChainRun,
    ExtractionRun,
    MessageOutputItem,
    MessagesRun,
    OutputRejectedItem,
    ParallelRun,
    RunFailure,
    RunItem,
    RunResult,
    RunStatus,
)
from lamella.usage import Timing, TokenUsage, add_usage

__all__ = ["Fold", "fold"]


_FRAMING: Final = frozenset({StreamStart, AgentStart, StreamEnd, StreamError, AgentEnd, AttemptCommit})


def fold(events: Iterable[RunStreamEvent]) -> RunResult:
    """Compute the result of one run from its events.

    :raises AgentParsingError: no event, or events of more than one run.
    """
    folding = Fold()
    for event in events:
        folding.feed(event)
    return folding.result()


class _Branch:
    """One agent's part of the run: the run's own, or that of a nested agent."""

    def __init__(self, start: StreamStart | AgentStart | None) -> None:
        self.start = start
        self.messages: list[Message] = []
        self.items: list[RunItem] = []
        self.outputs: list[ToolOutputBlock] = []
        self.response = ResponseFold()
        self.last_turn = 0
        self.losses: list[Loss] = []
        self.usage: TokenUsage | None = None
        self.stop_reason: StopReason | None = None
        self.result: Any = None
        self.kind: RunKind | None = None
        self.children: list[_Branch] = []

    def feed(self, event: Event) -> None:
        if self.response.feed(event):
            return
        if isinstance(event, ToolOutputDone):
            block = event.block()
            self.outputs.append(block)
            self.items.append(item_of(block, event, self.response.turn))
        elif isinstance(event, ResponseDone):
            self._close_response(event)
        elif isinstance(event, AttemptRollback):
            self.usage = add_usage(self.usage, event.token_usage)
            self.response = ResponseFold(self.response.turn)
        elif isinstance(event, GuardrailOverride):
            self._override(event.output)
        elif isinstance(event, OutputRejected):
            self.flush_outputs()
            told = TextBlock(text=event.told)
            self.messages.append(Message.user([told]))
            self.items.append(OutputRejectedItem(block=told, turn=self.response.turn))

    def _close_response(self, done: ResponseDone | None) -> None:
        message = self.response.message(done)
        self.flush_outputs()
        if message is not None:
            self.messages.append(message)
            self.last_turn = self.response.turn
        self.items.extend(self.response.items)
        self.response = ResponseFold(self.response.turn + 1)
        if done is not None:
            self.usage = add_usage(self.usage, done.token_usage)
            self.stop_reason = done.stop_reason
            self.losses.extend(loss for loss in done.losses if loss not in self.losses)

    def flush_outputs(self) -> None:
        if self.outputs:
            self.messages.append(Message(role="user", content=self.outputs))
            self.outputs = []

    def finish(self) -> None:
        """Close what is open: the outputs of the last turn, a response that was cut."""
        if self.response.blocks:
            self._close_response(None)
        self.flush_outputs()

    def copy(self) -> _Branch:
        """A branch that can be finished without touching this one; everything it holds is immutable."""
        twin = _Branch(self.start)
        twin.__dict__.update(self.__dict__)
        twin.messages, twin.items = list(self.messages), list(self.items)
        twin.outputs, twin.losses = list(self.outputs), list(self.losses)
        twin.response = self.response.copy()
        twin.children = [child.copy() for child in self.children]
        return twin

    def _override(self, text: str) -> None:
        block = TextBlock(text=text)
        turn = self.last_turn
        if self.messages and self.messages[-1].role == "assistant":
            kept = [item for item in self.messages[-1].content if not isinstance(item, TextBlock)]
            self.messages[-1] = attrs.evolve(self.messages[-1], content=(*kept, block))
            self.items = [item for item in self.items if not _is_text_of(item, turn)]
        else:  # what was overridden said nothing: the turns before it stand
            self.messages.append(Message.assistant([block]))
        self.items = [*self.items, MessageOutputItem(block=block, turn=turn)]

    @property
    def output(self) -> str:
        """Text of the last message if it is the assistant's."""
        if self.messages and self.messages[-1].role == "assistant":
            return self.messages[-1].text
        return ""

    def total_usage(self) -> TokenUsage | None:
        total = self.usage
        for child in self.children:
            total = add_usage(total, child.total_usage())
        return total

    def all_losses(self) -> list[Loss]:
        return [*self.losses, *(loss for child in self.children for loss in child.all_losses())]

    def run(self) -> AgentRun:
        start = self.start
        runs = tuple(child.run() for child in self.children)
        shared: dict[str, Any] = {"token_usage": self.total_usage()}
        if start is not None:
            shared.update(agent=start.agent, provider=start.provider, model=start.model)
            shared["settings"] = start.settings or None
        kind = self.kind or ("messages" if start is None else start.kind)
        if kind == "parallel":
            return ParallelRun(runs=runs, **shared)
        if kind == "chain":
            return ChainRun(runs=runs, **shared)
        if kind == "extraction":
            return ExtractionRun(messages=self.messages, result=self.result, runs=runs, **shared)
        return MessagesRun(messages=self.messages, runs=runs, **shared)


def _is_text_of(item: RunItem, turn: int) -> bool:
    return item.turn == turn and isinstance(item, MessageOutputItem) and isinstance(item.block, TextBlock)


class Fold:
    """The incremental form: ``feed`` events in order, ask for ``usage`` or ``result()`` at any time."""

    def __init__(self) -> None:
        self._root = _Branch(None)
        self._branches: dict[tuple[str, ...], _Branch] = {(): self._root}
        self._first: RunStreamEvent | None = None
        self._last: RunStreamEvent | None = None
        self._terminal: StreamEnd | StreamError | None = None
        self._usage: TokenUsage | None = None

    @property
    def usage(self) -> TokenUsage | None:
        """Usage of the whole run so far, nested agents and failed attempts included."""
        return self._usage

    @property
    def output(self) -> str:
        """Text of the run's last assistant message so far."""
        return self._root.output

    def feed(self, envelope: RunStreamEvent) -> None:
        """Take the next event of the run."""
        self.spend(envelope.event)
        self.take(envelope)

    def spend(self, event: Event) -> TokenUsage | None:
        """Count what the next event cost, before it is taken; the usage with it."""
        self._usage = add_usage(self._usage, spent(event))
        return self._usage

    def take(self, envelope: RunStreamEvent) -> None:
        """Take the next event of the run, whose cost is counted."""
        event = envelope.event
        if self._first is None:
            self._first = envelope
        elif envelope.run_id != self._first.run_id:
            raise AgentParsingError(
                f"events of two runs in one fold: {self._first.run_id} and {envelope.run_id}"
            )
        self._last = envelope
        if not event.durable:
            return
        if type(event) in _FRAMING:
            self._frame(envelope.path, event)
        else:
            self._branch(envelope.path).feed(event)

    def _frame(self, path: tuple[str, ...], event: Event) -> None:
        """Take an event that begins or ends something: the run, an agent, an attempt."""
        if isinstance(event, StreamStart):
            self._root.start = event
        elif isinstance(event, AgentStart):
            self._open(path, event)
        elif isinstance(event, StreamEnd | StreamError):
            self._terminate(event)
        elif isinstance(event, AgentEnd):
            self._close(self._branch(path), event)

    def _branch(self, path: tuple[str, ...]) -> _Branch:
        branch = self._branches.get(path)
        return self._open(path, None) if branch is None else branch

    def _open(self, path: tuple[str, ...], start: AgentStart | None) -> _Branch:
        branch = _Branch(start)
        self._branches[path] = branch
        parent = self._branch(path[:-1]) if path else self._root
        if parent is not branch:
            parent.children.append(branch)
        return branch

    def _close(self, branch: _Branch, event: AgentEnd) -> None:
        branch.finish()
        branch.usage = add_usage(branch.usage, spent(event))
        branch.stop_reason = event.stop_reason
        branch.result = event.result
        branch.kind = event.kind

    def _terminate(self, event: StreamEnd | StreamError) -> None:
        for branch in self._branches.values():
            branch.finish()
        self._root.usage = add_usage(self._root.usage, spent(event))
        if isinstance(event, StreamEnd):
            self._root.stop_reason = event.stop_reason
            self._root.result = event.result
            self._root.kind = event.kind
        self._terminal = event

    def result(self) -> RunResult:
        """The result of what was fed so far.

        :raises AgentParsingError: nothing was fed.
        """
        if self._first is None or self._last is None:
            raise AgentParsingError("there is no event to fold")
        root = self._root
        if self._terminal is None:
            root = self._snapshot()
        start = root.start if isinstance(root.start, StreamStart) else StreamStart()
        return RunResult(
            run_id=self._first.run_id,
            output=self._output(root),
            new_items=tuple(root.items),
            token_usage=self._usage,
            timing=self._timing(),
            run=root.run(),
            messages=self._messages(root),
            stop_reason=root.stop_reason,
            status=self._status(),
            error=self._failure(),
            input=start.input,
            losses=tuple(dict.fromkeys(root.all_losses())),
            started_at=start.started_at,
        )

    def _output(self, root: _Branch) -> str:
        """The last message's text; where layers or a tool gave the answer, the end of the run says it."""
        if not root.output and isinstance(self._terminal, StreamEnd):
            return self._terminal.output
        return root.output

    def _messages(self, root: _Branch) -> tuple[Message, ...]:
        """The new messages; of layers, whose messages are their parts', the answer as one of the assistant's."""
        end = self._terminal
        layered = not root.messages and root.children and isinstance(end, StreamEnd) and end.output
        if layered and isinstance(end, StreamEnd):
            return (Message.assistant(end.output),)
        return tuple(root.messages)

    def _snapshot(self) -> _Branch:
        """The root as if it ended here, leaving the fold able to go on."""
        root = self._root.copy()
        for branch in _walk(root):
            branch.finish()
        return root

    def _timing(self) -> Timing:
        assert self._first is not None
        assert self._last is not None
        return Timing(
            start_time=self._first.start_time,
            end_time=None if self._terminal is None else self._last.at,
            first_token=self._last.first_token,
        )

    def _status(self) -> RunStatus:
        if self._terminal is None:
            return "interrupted"
        if isinstance(self._terminal, StreamEnd):
            return "completed"
        return "cancelled" if self._terminal.code == ErrorCode.CANCELLED.value else "failed"

    def _failure(self) -> RunFailure | None:
        if not isinstance(self._terminal, StreamError):
            return None
        return RunFailure(
            message=self._terminal.error,
            code=self._terminal.code,
            error_type=self._terminal.error_type,
            retryable=self._terminal.retryable,
            context=self._terminal.context,
        )


def _walk(branch: _Branch) -> Iterable[_Branch]:
    yield branch
    for child in branch.children:
        yield from _walk(child)
