"""What a run or a model call may be given, brought to one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from lamella._frozen import FrozenDict, freeze_mapping
from lamella.errors import AgentInputError
from lamella.messages import Message
from lamella.prompt import PromptTemplate

__all__ = ["Input", "ParsedInput", "parse_input"]

Input: TypeAlias = str | PromptTemplate | Message | Sequence[Message] | Sequence[Mapping[str, Any]]
"""Text (one user message), a template, messages, or provider-native dicts (passed on unvalidated)."""

_ACCEPTED = "str, PromptTemplate, list[Message] or list[dict]"


@attrs.frozen(kw_only=True)
class ParsedInput:
    """Either ``messages``, or the ``native`` payload of one provider. ``plain`` says that it was a bare string."""

    messages: tuple[Message, ...] = ()
    native: tuple[FrozenDict, ...] | None = None
    plain: bool = False


def parse_input(value: Input) -> ParsedInput:
    """Bring any accepted input to one shape; the caller's objects are never changed.

    :raises AgentInputError: another type, an empty list, or a list that mixes messages and dicts.
    """
    if isinstance(value, str):
        return ParsedInput(messages=(Message.user(value),), plain=True)
    if isinstance(value, Message):
        return ParsedInput(messages=(value,))
    if isinstance(value, PromptTemplate):
        value = value.to_messages()
    if isinstance(value, Mapping | bytes) or not isinstance(value, Sequence):
        raise AgentInputError(f"messages must be {_ACCEPTED}, got {type(value).__name__}")
    return _parse_items(list(value))


def _parse_items(items: list[Any]) -> ParsedInput:
    if not items:
        raise AgentInputError("messages is empty; give at least one message")
    if all(isinstance(item, Message) for item in items):
        return ParsedInput(messages=tuple(items))
    if all(isinstance(item, Mapping) for item in items):
        return ParsedInput(native=tuple(freeze_mapping(item) for item in items))
    kinds = ", ".join(sorted({type(item).__name__ for item in items}))
    raise AgentInputError(f"messages must be {_ACCEPTED}, and not a mix; got a list of {kinds}")
