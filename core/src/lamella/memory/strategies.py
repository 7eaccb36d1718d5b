"""What is left out of a history that is too long: pure functions ``(messages, limit) -> messages``.

None of them splits a call from its output or leaves an output without its call. System messages, what the user
said last and the last step always stay, also where they alone are over the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from lamella.errors import AgentInputError
from lamella.memory.units import droppable, turns_of
from lamella.messages import Message
from lamella.models.estimate import estimate_tokens
from lamella.models.request import ModelRequest

__all__ = ["Strategy", "keep_messages", "keep_tokens", "keep_turns"]

Strategy: TypeAlias = Callable[[Sequence[Message], int], Sequence[Message]]
"""Yours may be any function like these; it must not split a call from its output."""


def keep_messages(messages: Sequence[Message], limit: int) -> tuple[Message, ...]:
    """The last messages: at most ``limit`` beside system messages.

    :raises AgentInputError: a limit below 1.
    """
    _check(limit, "keep_messages")
    sizes = [int(message.role != "system") for message in messages]
    return _shortened(messages, sizes, limit)


def keep_tokens(messages: Sequence[Message], limit: int) -> tuple[Message, ...]:
    """The last messages that fit ``limit`` tokens with the system messages, by the estimate of four characters a token.

    Media count nothing: their tokens cannot be told from here.

    :raises AgentInputError: a limit below 1.
    """
    _check(limit, "keep_tokens")
    sizes = [estimate_tokens(ModelRequest(messages=(message,))).tokens for message in messages]
    return _shortened(messages, sizes, limit)


def keep_turns(messages: Sequence[Message], limit: int) -> tuple[Message, ...]:
    """The last turns: at most ``limit``, each from what the user said to the answer, with all steps between.

    :raises AgentInputError: a limit below 1.
    """
    _check(limit, "keep_turns")
    turns = turns_of(messages)
    gone = {index for turn in turns[:-limit] for unit in turn for index in unit}
    return tuple(
        message for index, message in enumerate(messages) if index not in gone or message.role == "system"
    )


def _shortened(messages: Sequence[Message], sizes: Sequence[int], limit: int) -> tuple[Message, ...]:
    """Leave out the oldest, group by group, until the rest is within the limit."""
    total = sum(sizes)
    gone: set[int] = set()
    if total > limit:
        for group in droppable(messages):
            gone.update(group)
            total -= sum(sizes[index] for index in group)
            if total <= limit:
                break
    return tuple(message for index, message in enumerate(messages) if index not in gone)


def _check(limit: int, name: str) -> None:
    given: object = limit
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise AgentInputError(f"{name}: the limit must be an int >= 1, got {limit!r}")
