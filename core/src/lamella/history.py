"""Integrity of a conversation: each call has exactly one output, adjacent, with the same id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import attrs

from lamella.content import ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError
from lamella.messages import Message

__all__ = ["HistoryIssue", "HistoryIssueKind", "check_history", "repair_history", "require_history"]

HistoryIssueKind: TypeAlias = Literal[
    "empty_call_id",
    "duplicate_call_id",
    "unknown_result_id",
    "duplicate_result_id",
    "missing_result",
    "non_adjacent_results",
]

INTERRUPTED: Final = "interrupted: the run ended before this tool call had an output"


@attrs.frozen(kw_only=True)
class HistoryIssue:
    """One defect: what kind, which call, and the index of the message it was found in."""

    kind: HistoryIssueKind
    call_id: str
    message: int

    def __str__(self) -> str:
        return f"message {self.message}: {self.kind} (call id {self.call_id!r})"


def check_history(messages: Sequence[Message]) -> tuple[HistoryIssue, ...]:
    """Find every call without its one adjacent output, and every output without its call. Empty means sound."""
    issues: list[HistoryIssue] = []
    made: dict[str, int] = {}
    answered: set[str] = set()
    pending: set[str] = set()
    previous = ""
    for index, message in enumerate(messages):
        if message.role == "assistant":
            if previous != "assistant":
                pending.clear()
            pending |= _take_calls(message, index, made, issues)
        elif message.role == "user":
            _take_outputs(message, index, made, answered, pending, issues)
        else:
            pending.clear()
        previous = message.role
    unanswered = [
        HistoryIssue(kind="missing_result", call_id=call_id, message=index)
        for call_id, index in made.items()
        if call_id and call_id not in answered
    ]
    return tuple(sorted((*issues, *unanswered), key=lambda issue: issue.message))


def _take_calls(message: Message, index: int, made: dict[str, int], issues: list[HistoryIssue]) -> set[str]:
    calls = message.tool_calls
    for call in calls:
        if not call.call_id:
            issues.append(HistoryIssue(kind="empty_call_id", call_id="", message=index))
        elif call.call_id in made:
            issues.append(HistoryIssue(kind="duplicate_call_id", call_id=call.call_id, message=index))
        made.setdefault(call.call_id, index)
    return {call.call_id for call in calls}


def _take_outputs(
    message: Message,
    index: int,
    made: dict[str, int],
    answered: set[str],
    pending: set[str],
    issues: list[HistoryIssue],
) -> None:
    for output in message.tool_outputs:
        call_id = output.call_id
        if not call_id:
            issues.append(HistoryIssue(kind="empty_call_id", call_id="", message=index))
        elif call_id not in made:
            issues.append(HistoryIssue(kind="unknown_result_id", call_id=call_id, message=index))
        elif call_id in answered:
            issues.append(HistoryIssue(kind="duplicate_result_id", call_id=call_id, message=index))
        elif call_id not in pending:
            issues.append(HistoryIssue(kind="non_adjacent_results", call_id=call_id, message=index))
        answered.add(call_id)
    # Outputs of one turn may be spread over neighbouring user messages, but not past other content.
    if len(message.tool_outputs) < len(message.content):
        pending.clear()


def require_history(messages: Sequence[Message]) -> None:
    """Raise ``AgentInputError`` naming every issue; called before anything is sent."""
    issues = check_history(messages)
    if not issues:
        return
    listed = "; ".join(str(issue) for issue in issues)
    hint = "call lamella.repair_history(messages) to answer open calls with a marked error output"
    raise AgentInputError(
        f"the history cannot be sent: {listed} ({hint})",
        context={"issues": [issue.kind for issue in issues]},
    )


def repair_history(messages: Iterable[Message], *, note: str = INTERRUPTED) -> list[Message]:
    """Answer each open call with an error output holding ``note``, next to the outputs of its turn.

    Outputs that are already there are kept; repairing twice changes nothing. Other defects (an
    output without a call, a repeated id) are not guessed at: ``check_history`` names them.
    """
    history = list(messages)
    answered = {output.call_id for message in history for output in message.tool_outputs}
    repaired: list[Message] = []
    turn: list[ToolCallBlock] = []
    for message in history:
        if message.role != "assistant":
            missing = _missing(turn, answered, note)
            if missing and message.tool_outputs:
                message = _with_outputs(message, turn, missing)
            elif missing:
                repaired.append(Message.user(missing))
            turn = []
        turn.extend(message.tool_calls)
        repaired.append(message)
    if missing := _missing(turn, answered, note):
        repaired.append(Message.user(missing))
    return repaired


def _missing(turn: Sequence[ToolCallBlock], answered: set[str], note: str) -> list[ToolOutputBlock]:
    return [
        ToolOutputBlock(call_id=call.call_id, name=call.name, output=note, is_error=True)
        for call in turn
        if call.call_id and call.call_id not in answered
    ]


def _with_outputs(message: Message, turn: Sequence[ToolCallBlock], missing: list[ToolOutputBlock]) -> Message:
    """Merge the missing outputs into a message that holds the others, in call order."""
    order = {call.call_id: position for position, call in enumerate(turn)}
    outputs = sorted(
        (*message.tool_outputs, *missing), key=lambda output: order.get(output.call_id, len(order))
    )
    rest = [block for block in message.content if not isinstance(block, ToolOutputBlock)]
    return attrs.evolve(message, content=(*outputs, *rest))
