"""What of a class is stored: its fields, the views written beside them, and what may be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from lamella.content import Block, ToolCallBlock, ToolOutputBlock
from lamella.events import Event, ReasoningDone, RunStreamEvent, ToolCallDone, ToolEnd, ToolOutputDone
from lamella.runs import (
    AgentRun,
    MessageOutputItem,
    OutputRejectedItem,
    ReasoningItem,
    RunItem,
    RunResult,
    ToolCallItem,
    ToolCallOutputItem,
)
from lamella.usage import Timing

__all__ = [
    "VERSION",
    "VERSIONED",
    "has_extra",
    "has_parts",
    "is_tagged",
    "may_be_left_out",
    "parsed_view_of",
    "stored_fields",
    "views_of",
]

VERSION: Final = 1
"""The version of the stored form. A reader takes this one and older ones."""

VERSIONED: Final = (RunStreamEvent, RunResult, AgentRun)
"""Documents that stand alone carry the version under ``"v"``."""

_ROLE: Final[Mapping[str, Callable[[Any], Any]]] = {"role": lambda item: item.role}
_CALL: Final[Mapping[str, Callable[[Any], Any]]] = {
    "call_id": lambda item: item.call_id,
    "name": lambda item: item.name,
}
_VIEWS: Final[dict[type, Mapping[str, Callable[[Any], Any]]]] = {
    ReasoningDone: {"output": lambda event: event.output},
    MessageOutputItem: {**_ROLE, "content": lambda item: item.content},
    ToolCallItem: {**_ROLE, **_CALL, "arguments": lambda item: item.arguments},
    ToolCallOutputItem: {**_ROLE, **_CALL, "is_error": lambda item: item.is_error},
    OutputRejectedItem: {**_ROLE, "content": lambda item: item.content},
    ReasoningItem: {**_ROLE, "summary": lambda item: item.summary},
    Timing: {"duration": lambda timing: timing.duration},
}


def views_of(cls: type) -> Mapping[str, Callable[[Any], Any]]:
    """Computed values that are written for other readers and ignored when read."""
    return _VIEWS.get(cls, {})


def parsed_view_of(cls: type) -> str | None:
    """The field that is the parsed view of ``arguments_json``, which is the truth."""
    if issubclass(cls, ToolCallBlock):
        return "arguments"
    return "output" if issubclass(cls, ToolCallDone) else None


def is_tagged(cls: type) -> bool:
    """Whether a dict of this class holds its ``type``."""
    return issubclass(cls, Block | Event | RunItem | AgentRun)


def has_parts(cls: type) -> bool:
    """Whether ``output`` may be a tuple of blocks, which is stored under ``parts``."""
    return issubclass(cls, ToolOutputBlock | ToolOutputDone | ToolEnd)


def has_extra(cls: type) -> bool:
    """Whether the class keeps fields it does not know."""
    return any(field.name == "extra" for field in attrs.fields(cls))


def stored_fields(cls: type) -> list[attrs.Attribute[Any]]:
    """The fields that are stored under their own name: not ``extra``, not what is no part of the value."""
    return [field for field in attrs.fields(cls) if field.name != "extra" and field.eq]


def may_be_left_out(field: attrs.Attribute[Any]) -> bool:
    """Whether a field at its default need not be written: the default is nothing, empty or false."""
    default = field.default
    if default is attrs.NOTHING or isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # attrs types Factory as a function
        return False
    return default is None or default is False or default in ("", (), {})
