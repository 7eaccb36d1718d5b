"""One run as a tree of spans: made of its events, after the fact, with the times that the events have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalPending,
    ApprovalResolved,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    MediaOutputDone,
    MessageOutputDelta,
    MessageOutputDone,
    OtherEvent,
    OutputRejected,
    ReasoningDelta,
    ReasoningDone,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDelta,
    ToolCallDone,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella_otel import names
from lamella_otel.agents import Agents, Before
from lamella_otel.chats import Chats
from lamella_otel.clock import Clock
from lamella_otel.facts import Attributes
from lamella_otel.spans import Failure, Telemetry
from lamella_otel.tools import Tools
from lamella_otel.tree import Path, Tree, of_call

__all__ = ["RunTrace"]

_DELTAS: Final = frozenset({MessageOutputDelta, ReasoningDelta, ToolCallDelta})


class RunTrace:
    """The spans of one run. Feed it the run's envelopes in order, the first of which it is made of, too.

    :param parent: the context that the run was started in; its current span contains the run.
    :param before: the spans of runs that this process has seen: of the interrupted part of this one, of the one
        that this is a fork of.
    """

    def __init__(self, first: RunStreamEvent, telemetry: Telemetry, parent: Context, before: Before) -> None:
        self.ended = False
        self._tree = tree = Tree(telemetry, Clock(first))
        self._agents = Agents(tree, first.run_id, parent, before)
        self._chats = Chats(tree)
        self._tools = Tools(tree)
        self._last = first.at
        event = first.event
        start = event if isinstance(event, StreamStart) else _start_of(event)
        self._agents.begin(start, first.at, event if isinstance(event, StreamResumed) else None)

    @property
    def context(self) -> SpanContext:
        """The context of the run's own span."""
        return self._tree.agent(()).span.get_span_context()

    def feed(self, envelope: RunStreamEvent) -> None:
        """Take the next event of the run."""
        event, path = envelope.event, envelope.path
        kind = type(event)
        if kind in _DELTAS and path in self._chats.streaming:
            return
        handle = _HANDLERS.get(kind)
        if handle is None or self.ended:
            return
        self._last = envelope.at
        handle(self, event, path, envelope.at)

    def interrupt(self) -> None:
        """The events stopped without a terminal one."""
        if not self.ended:
            self._finish((), self._last, Failure(names.INTERRUPTED), {})
            self.ended = True

    # -- agents -----------------------------------------------------------------------------------

    def _agent_start(self, event: AgentStart, path: Path, at: float) -> None:
        tool = None if event.call_id is None else self._tools.open.get((path[:-1], event.call_id))
        self._agents.start(event, path, at, tool)

    def _agent_end(self, event: AgentEnd, path: Path, at: float) -> None:
        if path not in self._tree.agents:
            return
        self._tree.spend(path, event)
        if event.code is None:
            self._finish(path, at, None, self._agents.outcome(path, event))
            return
        self._fail(path, at, self._tree.failure(event.code, event.error))
        self._tree.agent(path[:-1]).failed_below = True

    def _stream_end(self, event: StreamEnd, path: Path, at: float) -> None:
        self._finish((), at, None, self._agents.outcome((), event))
        self.ended = True

    def _stream_error(self, event: StreamError, path: Path, at: float) -> None:
        self._tree.spend((), event)
        self._fail((), at, self._tree.failure(event.code, f"{event.error_type}: {event.error}"))
        self.ended = True

    def _fail(self, path: Path, at: float, failure: Failure) -> None:
        if not self._tools.running(path):
            self._chats.refused(path, at, failure)
        self._finish(path, at, failure, {})

    def _finish(self, path: Path, at: float, failure: Failure | None, last: Attributes) -> None:
        """End what is open at ``path`` and below it, the innermost first."""
        depth = len(path)
        places = {*self._tree.agents, *self._chats.open, *(key[0] for key in self._tools.open)}
        for place in sorted((place for place in places if place[:depth] == path), key=len, reverse=True):
            self._chats.close(place, at, failure)
            self._tools.close(place, at, failure)
            if place in self._tree.agents:
                self._agents.close(place, at, failure, last if place == path else {})

    # -- responses and tools ----------------------------------------------------------------------

    def _attempt_start(self, event: AttemptStart, path: Path, at: float) -> None:
        self._chats.attempt(event, path, at)

    def _delta(self, event: Event, path: Path, at: float) -> None:
        if self._of_model(path):
            self._chats.first_chunk(path, at)

    def _block(self, event: Event, path: Path, at: float) -> None:
        if not self._of_model(path):
            return
        self._chats.block(event, path, at)
        if isinstance(event, ToolCallDone):
            self._tools.called(event, path)

    def _of_model(self, path: Path) -> bool:
        """Whether content at ``path`` is a model's: tools that run there may emit some, too."""
        return path in self._chats.open or not self._tools.running(path)

    def _response_done(self, event: ResponseDone, path: Path, at: float) -> None:
        self._tree.spend(path, event)
        self._chats.done(event, path, at)

    def _rollback(self, event: AttemptRollback, path: Path, at: float) -> None:
        self._tree.spend(path, event)
        self._chats.rollback(event, path, at)

    def _tool_start(self, event: ToolStart, path: Path, at: float) -> None:
        self._tools.start(event, path, at)

    def _tool_end(self, event: ToolEnd, path: Path, at: float) -> None:
        self._tools.end(event, path, at)

    def _tool_output(self, event: ToolOutputDone, path: Path, at: float) -> None:
        self._tools.output(event, path, at)

    # -- what else happens ------------------------------------------------------------------------

    def _approval_pending(self, event: ApprovalPending, path: Path, at: float) -> None:
        self._tree.agent(path).note("lamella.approval.pending", at, of_call(event.name, event.call_id))

    def _approval_resolved(self, event: ApprovalResolved, path: Path, at: float) -> None:
        facts = {**of_call(event.name, event.call_id), "approved": event.approved, **self._why(event)}
        self._tree.agent(path).note("lamella.approval.resolved", at, facts)

    def _guardrail(self, event: GuardrailOverride, path: Path, at: float) -> None:
        named: Attributes = {} if event.guardrail is None else {"guardrail": event.guardrail}
        self._tree.agent(path).note("lamella.guardrail.override", at, {**named, **self._why(event)})

    def _rejected(self, event: OutputRejected, path: Path, at: float) -> None:
        agent = self._tree.agent(path)
        agent.note("lamella.output.rejected", at, {"problems": len(event.problems)})
        self._tree.since[path] = at
        if agent.given is not None:
            agent.given.tell(event.told)

    def _why(self, event: ApprovalResolved | GuardrailOverride) -> Attributes:
        """The reason, which may quote what was said."""
        return {} if event.reason is None or not self._tree.telemetry.content else {"reason": event.reason}


_HANDLERS: Final[dict[type[Event], Callable[[RunTrace, Any, Path, float], None]]] = {
    AgentStart: RunTrace._agent_start,
    AgentEnd: RunTrace._agent_end,
    StreamEnd: RunTrace._stream_end,
    StreamError: RunTrace._stream_error,
    AttemptStart: RunTrace._attempt_start,
    AttemptRollback: RunTrace._rollback,
    **dict.fromkeys(_DELTAS, RunTrace._delta),
    **dict.fromkeys(
        (MessageOutputDone, ReasoningDone, ToolCallDone, MediaOutputDone, OtherEvent), RunTrace._block
    ),
    ResponseDone: RunTrace._response_done,
    ToolStart: RunTrace._tool_start,
    ToolEnd: RunTrace._tool_end,
    ToolOutputDone: RunTrace._tool_output,
    ApprovalPending: RunTrace._approval_pending,
    ApprovalResolved: RunTrace._approval_resolved,
    GuardrailOverride: RunTrace._guardrail,
    OutputRejected: RunTrace._rejected,
}


def _start_of(event: Event) -> StreamStart:
    """What is known of the beginning of a run that is joined later."""
    if not isinstance(event, StreamResumed):
        return StreamStart()
    names_of_start = ("kind", "agent", "provider", "model", "conversation")
    return StreamStart(**{name: getattr(event, name) for name in names_of_start})
