"""Reading runs and histories: messages, last words, extractions; and histories with parts left out.

Nothing is changed: every function returns new tuples of the same immutable messages, or of copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from lamella.content import Block, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.runs import AgentRun, ChainRun, ExtractionRun, MessagesRun, ParallelRun
from lamella.usage import TokenUsage, add_usage

__all__ = [
    "extractions",
    "flat_messages",
    "last_message",
    "last_output",
    "total_usage",
    "with_system",
    "without_earlier_users",
    "without_raw",
    "without_tools",
    "without_usage",
]


# -- runs -----------------------------------------------------------------------------------------


def flat_messages(runs: Iterable[AgentRun]) -> list[Message]:
    """The messages of runs in order; chains and parallel runs are walked, agents called as tools are not."""
    messages: list[Message] = []
    for run in runs:
        if isinstance(run, MessagesRun | ExtractionRun):
            messages.extend(run.messages)
        elif isinstance(run, ChainRun | ParallelRun):
            messages.extend(flat_messages(run.runs))
    return messages


def last_message(runs: Iterable[AgentRun], role: str | None = None) -> Message | None:
    """The last message (of a role), ``None`` where there is none."""
    return next(
        (message for message in reversed(flat_messages(runs)) if role is None or message.role == role), None
    )


def last_output(runs: Iterable[AgentRun]) -> str:
    """The text of the last message of the assistant, "" where there is none."""
    message = last_message(runs, "assistant")
    return "" if message is None else message.text


def extractions(run: AgentRun) -> list[Any]:
    """The results of all extractions in a run, in order, at any depth."""
    return [each.result for each in run.walk() if isinstance(each, ExtractionRun)]


def total_usage(runs: Iterable[AgentRun]) -> TokenUsage | None:
    """What runs have used together; each run's usage includes everything below it."""
    total: TokenUsage | None = None
    for run in runs:
        total = add_usage(total, run.token_usage)
    return total


# -- histories ------------------------------------------------------------------------------------


def with_system(messages: Iterable[Message], text: str) -> tuple[Message, ...]:
    """The history with one system message, ``text``, in place of those it has."""
    return (Message.system(text), *(message for message in messages if message.role != "system"))


def without_tools(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The history without tool calls and their outputs; messages of nothing else are left out."""
    return _kept(messages, lambda block: not isinstance(block, ToolCallBlock | ToolOutputBlock))


def without_raw(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The history without the providers' payloads."""
    return tuple(attrs.evolve(message, raw=None) for message in messages)


def without_usage(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The history without what it cost."""
    return tuple(attrs.evolve(message, usage=None) for message in messages)


def without_earlier_users(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The history with the last only of the user's own messages; those with outputs of tools stay."""
    own = [place for place, message in enumerate(messages) if _is_own(message)]
    gone = set(own[:-1])
    return tuple(message for place, message in enumerate(messages) if place not in gone)


def _is_own(message: Message) -> bool:
    return message.role == "user" and not message.tool_outputs


def _kept(messages: Iterable[Message], keep: Callable[[Block], bool]) -> tuple[Message, ...]:
    found: list[Message] = []
    for message in messages:
        blocks = tuple(block for block in message.content if keep(block))
        if len(blocks) == len(message.content):
            found.append(message)
        elif blocks:
            found.append(attrs.evolve(message, content=blocks))
    return tuple(found)
