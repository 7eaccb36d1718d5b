"""The rows of a run, made of its durable events one after the other; never of deltas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import ToolOutputBlock
from lamella.errors import ErrorCode
from lamella.events import (
    AgentEnd,
    AgentStart,
    ApprovalResolved,
    AttemptRollback,
    AttemptStart,
    Event,
    GuardrailOverride,
    OutputRejected,
    ResponseDone,
    RunStreamEvent,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolEnd,
    ToolOutputDone,
    ToolStart,
)
from lamella.messages import Message
from lamella_sql._branch import Branch
from lamella_sql._changes import Changes, Row
from lamella_sql._escape import encode_json, readable
from lamella_sql._parts import message_text

__all__ = ["Derivation"]

_TEXTS: Final = ("kind", "agent", "provider", "model", "conversation", "forked_from")


class Derivation:
    """Feed it the events of a run in order; what changes in the tables gathers in ``changes``."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.changes = Changes()
        self._root = Branch(run_id, (), self.changes, None)
        self._branches: dict[tuple[str, ...], Branch] = {(): self._root}
        self._anchor: tuple[float, float] | None = None
        self.status: str | None = None
        """``completed``, ``failed`` or ``cancelled`` once the run has ended."""

        self.next_seq = 0
        self._run: Row = dict.fromkeys(
            ("kind", "agent", "provider", "model", "conversation", "forked_from", "forked_at", "started_at",
             "ended_at", "duration", "input", "stop_reason", "error_code", "error", "meta", "total_tokens")
        )  # fmt: skip
        self._said = ""

    def take_changes(self) -> Changes:
        """What has changed since the last call."""
        taken, empty = Changes(), self.changes
        taken.rows, empty.rows = empty.rows, {}
        taken.deleted, empty.deleted = empty.deleted, {}
        return taken

    def run_row(self) -> Row:
        """The columns of ``runs`` that events say, beside ``status``."""
        output = self._root.output or self._said
        return {
            "id": readable(self._run_id),
            **self._run,
            "output": readable(output),
            "events": self.next_seq,
        }

    def wall(self, monotonic: float) -> float | None:
        """The Unix time of a moment, as far as the run says when it started."""
        if self._anchor is None:
            return None
        started, zero = self._anchor
        return started + (monotonic - zero)

    def feed(self, envelope: RunStreamEvent) -> float | None:
        """Take the next event; return its Unix time."""
        event = envelope.event
        self.next_seq = envelope.seq + 1
        if not event.durable:
            return None if self._anchor is None else self._anchor[0] + (envelope.at - self._anchor[1])
        if isinstance(event, StreamStart | StreamResumed) and event.started_at is not None:
            self._anchor = (event.started_at, envelope.at)
        moment = self.wall(envelope.at)
        if envelope.token_usage is not None:
            self._run["total_tokens"] = envelope.token_usage.resolved_total_tokens
        branch = self._branch(envelope.path, event)
        branch.at(envelope.seq, moment)
        branch.spend(envelope)
        if not branch.take_block(envelope):
            handle = _HANDLERS.get(type(event))
            if handle is not None:
                handle(self, branch, event, moment)
        if isinstance(event, StreamEnd | StreamError):
            self._end(envelope, moment)
        return moment

    def _branch(self, path: tuple[str, ...], event: Event) -> Branch:
        branch = self._branches.get(path)
        if branch is None or isinstance(event, AgentStart):
            if path and path[:-1] not in self._branches:
                self._branch(path[:-1], Event())
            branch = self._branches[path] = Branch(self._run_id, path, self.changes, branch)
        return branch

    # -- the events that more follows from than a block -------------------------------------------

    def _start(self, branch: Branch, event: StreamStart, moment: float | None) -> None:
        branch.begin(event)
        self._run.update({name: _safe(getattr(event, name)) for name in _TEXTS})
        self._run.update(
            forked_at=event.forked_at,
            started_at=event.started_at,
            input=_first_text(event.input),
            meta=encode_json(event.meta) if event.meta else None,
        )

    def _resume(self, branch: Branch, event: StreamResumed, moment: float | None) -> None:
        for each in self._branches.values():
            each.calls.lost(event.unknown)

    def _agent_start(self, branch: Branch, event: AgentStart, moment: float | None) -> None:
        branch.begin(event)

    def _agent_end(self, branch: Branch, event: AgentEnd, moment: float | None) -> None:
        branch.finish()
        branch.calls.lost()

    def _attempt(self, branch: Branch, event: AttemptStart, moment: float | None) -> None:
        branch.asked(event)

    def _rollback(self, branch: Branch, event: AttemptRollback, moment: float | None) -> None:
        branch.take_back()

    def _response(self, branch: Branch, event: ResponseDone, moment: float | None) -> None:
        branch.close_response(event)
        if branch is self._root:
            self._run["stop_reason"] = event.stop_reason

    def _tool_start(self, branch: Branch, event: ToolStart, moment: float | None) -> None:
        branch.calls.started(event.call_id, moment)

    def _tool_end(self, branch: Branch, event: ToolEnd, moment: float | None) -> None:
        block = ToolOutputBlock(call_id=event.call_id, name=event.name, output=event.output)
        branch.calls.ended(event, block.text, moment)

    def _tool_output(self, branch: Branch, event: ToolOutputDone, moment: float | None) -> None:
        block = event.block()
        branch.take_output(block)
        branch.calls.ended(event, block.text, moment)

    def _approval(self, branch: Branch, event: ApprovalResolved, moment: float | None) -> None:
        if not event.approved:
            branch.calls.denied(event.call_id)

    def _override(self, branch: Branch, event: GuardrailOverride, moment: float | None) -> None:
        branch.override(event.output)

    def _rejected(self, branch: Branch, event: OutputRejected, moment: float | None) -> None:
        branch.tell(event.told)

    def _end(self, envelope: RunStreamEvent, moment: float | None) -> None:
        event = envelope.event
        for branch in self._branches.values():
            branch.at(envelope.seq, moment)
            branch.finish()
            branch.calls.lost()
        self._run.update(ended_at=moment, duration=envelope.at - envelope.start_time)
        if isinstance(event, StreamError):
            cancelled = event.code == ErrorCode.CANCELLED.value
            self.status = "cancelled" if cancelled else "failed"
            self._run.update(error_code=_safe(event.code), error=_safe(event.error))
        elif isinstance(event, StreamEnd):
            self.status = "completed"
            self._said = event.output
            self._run["stop_reason"] = event.stop_reason
            self._run["kind"] = event.kind or self._run["kind"]


_HANDLERS: Final[Mapping[type[Event], Callable[[Derivation, Branch, Any, float | None], None]]] = {
    StreamStart: Derivation._start,
    StreamResumed: Derivation._resume,
    AgentStart: Derivation._agent_start,
    AgentEnd: Derivation._agent_end,
    AttemptStart: Derivation._attempt,
    AttemptRollback: Derivation._rollback,
    ResponseDone: Derivation._response,
    ToolStart: Derivation._tool_start,
    ToolEnd: Derivation._tool_end,
    ToolOutputDone: Derivation._tool_output,
    ApprovalResolved: Derivation._approval,
    GuardrailOverride: Derivation._override,
    OutputRejected: Derivation._rejected,
}


def _safe(text: str | None) -> str | None:
    return None if text is None else readable(text)


def _first_text(given: tuple[Message, ...]) -> str | None:
    texts = (message_text(message) for message in given if message.role != "system")
    return next((text for text in texts if text), None)
