"""What of a history belongs together: a call with its output, a turn with its steps."""

from __future__ import annotations

from collections.abc import Sequence

from lamella.content import ToolOutputBlock
from lamella.messages import Message

__all__ = ["droppable", "turns_of", "units_of"]


def units_of(messages: Sequence[Message]) -> list[range]:
    """The history cut where it may be cut: never between a call and its output, or between answers in a row."""
    reach = list(range(len(messages)))
    first: dict[str, int] = {}
    for index, message in enumerate(messages):
        for call_id in _call_ids(message):
            begin = first.setdefault(call_id, index)
            reach[begin] = max(reach[begin], index)
        if index and message.role == messages[index - 1].role == "assistant":
            reach[index - 1] = max(reach[index - 1], index)
    units: list[range] = []
    begin = end = 0
    for index in range(len(messages)):
        if index > end:
            units.append(range(begin, end + 1))
            begin = index
        end = max(end, reach[index])
    if messages:
        units.append(range(begin, end + 1))
    return units


def _call_ids(message: Message) -> list[str]:
    return [call.call_id for call in message.tool_calls] + [output.call_id for output in message.tool_outputs]


def turns_of(messages: Sequence[Message]) -> list[list[range]]:
    """The units in turns: each begins with what the user said, and goes on to the next thing said.

    Messages before the first thing said are a turn of their own; system messages go with the turn they stand in.
    """
    turns: list[list[range]] = []
    saying = False
    for unit in units_of(messages):
        opens = _is_said(messages[unit[0]])
        if not turns or (opens and not saying):
            turns.append([])
        turns[-1].append(unit)
        saying = all(_is_said(messages[index]) or messages[index].role == "system" for index in unit)
    return turns


def droppable(messages: Sequence[Message]) -> list[list[int]]:
    """What may be left out, the oldest first: whole turns, then the steps of the last turn.

    Never among them: system messages, what the user said in the last turn, and the last step.
    """
    turns = turns_of(messages)
    groups = [[index for unit in turn for index in unit] for turn in turns[:-1]]
    if turns:
        groups += [list(unit) for unit in turns[-1][:-1] if not _holds_words(messages, unit)]
    kept = [[index for index in group if messages[index].role != "system"] for group in groups]
    return [group for group in kept if group]


def _is_said(message: Message) -> bool:
    return message.role == "user" and not message.tool_outputs


def _holds_words(messages: Sequence[Message], unit: range) -> bool:
    """Whether the user said something in it, beside outputs of tools."""
    return any(
        messages[index].role == "user"
        and not all(isinstance(block, ToolOutputBlock) for block in messages[index].content)
        for index in unit
    )
