"""One agent's part of a run, as rows: the fold's own steps, each of which becomes a row when it is done."""

from __future__ import annotations

from typing import Any

from lamella.content import Block, TextBlock, ToolOutputBlock
from lamella.events import (
    AgentEnd,
    AgentStart,
    AttemptRollback,
    AttemptStart,
    ResponseDone,
    RunStreamEvent,
    StreamError,
    StreamStart,
    ToolCallDone,
)
from lamella.messages import Message
from lamella.response import ResponseFold, spent
from lamella.usage import BUCKETS, TokenUsage
from lamella_sql._calls import Calls
from lamella_sql._changes import Changes, Row
from lamella_sql._escape import encode_path, readable
from lamella_sql._parts import block_rows, message_text
from lamella_sql._tables import blocks, messages, responses, usage

__all__ = ["Branch"]

_OUTCOMES = {ResponseDone: "done", AttemptRollback: "rollback", StreamError: "error", AgentEnd: "error"}


class Branch:
    """What of one agent is still open, and the numbers of its next rows."""

    def __init__(self, run_id: str, path: tuple[str, ...], changes: Changes, before: Branch | None) -> None:
        self._where = {"run_id": readable(run_id), "path": encode_path(path)}
        self._changes = changes
        # An agent that starts again at the same place goes on counting.
        self._count: int = 0 if before is None else before._count
        self.calls: Calls = Calls(
            self._where["run_id"], self._where["path"], changes, 0 if before is None else before.calls.count
        )
        self._response: ResponseFold = ResponseFold(0 if before is None else before._response.turn)
        self._outputs: list[ToolOutputBlock] = []
        self._last: tuple[Row, tuple[Block, ...]] | None = None
        self._asked: tuple[str | None, str | None] = (None, None)
        self._seq = 0
        self._at: float | None = None

    @property
    def output(self) -> str:
        """Text of the last message if it is the assistant's."""
        if self._last is None or self._last[0]["role"] != "assistant":
            return ""
        return "".join(block.text for block in self._last[1] if isinstance(block, TextBlock))

    def at(self, seq: int, moment: float | None) -> None:
        """Where in the run what follows happens."""
        self._seq, self._at = seq, moment

    # -- messages ---------------------------------------------------------------------------------

    def begin(self, start: StreamStart | AgentStart) -> None:
        """The agent begins: what it was given."""
        self._asked = (start.provider, start.model)
        for message in start.input:
            self._add(message, turn=None, is_input=True)
        self._last = None  # what was given is no answer

    def take_block(self, envelope: RunStreamEvent) -> bool:
        """Take an event that completes a block of the response; say whether it was one."""
        event = envelope.event
        if not self._response.feed(event):
            return False
        if isinstance(event, ToolCallDone):
            self.calls.requested(event, self._response.turn, self._at)
        return True

    def take_output(self, block: ToolOutputBlock) -> None:
        """A call has its output."""
        self._outputs.append(block)

    def asked(self, event: AttemptStart) -> None:
        """A request begins."""
        self._asked = (event.provider or self._asked[0], event.model or self._asked[1])

    def close_response(self, done: ResponseDone | None) -> None:
        """The response is complete, or was cut."""
        message = self._response.message(done)
        self.flush_outputs()
        if message is not None:
            self._add(message, turn=self._response.turn)
        self._response = ResponseFold(self._response.turn + 1)
        self.calls.settled()

    def take_back(self) -> None:
        """The attempt failed: what it showed is gone."""
        self._response = ResponseFold(self._response.turn)
        self.calls.taken_back()

    def flush_outputs(self) -> None:
        """The outputs of a turn become a message of the user."""
        if self._outputs:
            outputs, self._outputs = self._outputs, []
            self._add(Message(role="user", content=outputs), turn=self._response.turn)

    def tell(self, text: str) -> None:
        """The model is told that its answer will not do."""
        self.flush_outputs()
        self._add(Message.user([TextBlock(text=text)]), turn=self._response.turn)

    def override(self, text: str) -> None:
        """A guardrail replaces the text of the last answer."""
        block = TextBlock(text=text)
        if self._last is None or self._last[0]["role"] != "assistant":
            self._add(Message.assistant([block]), turn=self._response.turn)
            return
        row, content = self._last
        kept = tuple(item for item in content if not isinstance(item, TextBlock))
        for old in block_rows(self._of(row), content):
            self._changes.delete(blocks, old)
        self._put(row, (*kept, block))

    def finish(self) -> None:
        """The agent, or the run, ended."""
        if self._response.blocks:
            self.close_response(None)
        self.flush_outputs()

    def _add(self, message: Message, *, turn: int | None, is_input: bool = False) -> None:
        row: Row = {
            **self._where,
            "idx": self._count,
            "role": message.role,
            "turn": turn,
            "is_input": is_input,
            "incomplete": bool(message.meta.get("incomplete", False)),
            "text": message_text(message),
            "seq": self._seq,
            "at": self._at,
        }
        self._count += 1
        self._put(row, message.content)

    def _put(self, row: Row, content: tuple[Block, ...]) -> None:
        if self._last is not None and self._last[0] is row:
            row = {**row, "text": message_text(Message(role=row["role"], content=content))}
        self._last = (row, content)
        self._changes.put(messages, row)
        for block in block_rows(self._of(row), content):
            self._changes.put(blocks, block)

    def _of(self, row: Row) -> Row:
        return {**self._where, "message": row["idx"]}

    # -- what it cost -----------------------------------------------------------------------------

    def spend(self, envelope: RunStreamEvent) -> None:
        """A response, and what it cost, in the buckets that were reported."""
        event = envelope.event
        cost = spent(event)
        if cost is None and not isinstance(event, ResponseDone | AttemptRollback):
            return
        done = event if isinstance(event, ResponseDone) else None
        provider, model = self._asked
        if done is not None:
            provider, model = done.provider or provider, done.model or model
        shared: Row = {
            **self._where,
            "seq": envelope.seq,
            "response": self._response.turn,
            "provider": None if provider is None else readable(provider),
            "model": None if model is None else readable(model),
        }
        self._changes.put(responses, {**shared, **self._told(event, done, cost)})
        for row in _buckets(cost):
            self._changes.put(usage, {**shared, **row})

    def _told(self, event: Any, done: ResponseDone | None, cost: TokenUsage | None) -> Row:
        response_id = None if done is None else done.response_id
        return {
            "at": self._at,
            "outcome": _OUTCOMES[type(event)],
            "response_id": None if response_id is None else readable(response_id),
            "stop_reason": None if done is None else done.stop_reason,
            "cached": done is not None and done.cached,
            "total_tokens": None if cost is None else cost.resolved_total_tokens,
        }


def _buckets(cost: TokenUsage | None) -> list[Row]:
    """One row for each bucket that was reported."""
    if cost is None:
        return []
    counts = ((bucket, getattr(cost, bucket)) for bucket in BUCKETS)
    return [
        {"bucket": bucket, "quantity": count, "estimated": bucket in cost.estimated}
        for bucket, count in counts
        if count is not None
    ]
