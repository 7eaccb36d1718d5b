"""The forms that are known by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final, TypeAlias

import attrs

from lamella import AgentRun, AgentSerializationError, Message, TokenUsage
from lamella_transcripts.node import Node
from lamella_transcripts.reading import ReadReport
from lamella_transcripts.writing import Report

__all__ = ["FORMATS", "Found", "find", "formats"]


@attrs.frozen(kw_only=True)
class Found:
    """What a reader found: the messages, the usage of the whole, the tree of agents."""

    messages: Sequence[Message]
    usage: TokenUsage | None = None
    run: AgentRun | None = None


Read: TypeAlias = Callable[[Node, ReadReport, str], Found]
Write: TypeAlias = Callable[[Sequence[Message], Report], Any]

FORMATS: Final = {
    "openai.chat": "openai",
    "openai.responses": "openai",
    "anthropic.messages": "anthropic",
    "gemini": "gemini",
    "lasagna": "lasagna",
    "literun": "literun",
    "lauren": "anthropic",
    "pydantic-ai": "pydantic-ai",
    "langchain": "langchain",
}
"""The names, and whose state a form holds."""

_MODULES: Final = {name: name.replace(".", "_").replace("-", "_") for name in FORMATS}


def formats() -> tuple[str, ...]:
    """The names of all forms."""
    return tuple(FORMATS)


def find(name: str) -> tuple[Read, Write]:
    """The reader and the writer of a form.

    :raises AgentSerializationError: there is no such form.
    """
    if name not in FORMATS:
        raise AgentSerializationError(f"no transcript form is named {name!r}; known: {', '.join(FORMATS)}")
    module = import_module(f"lamella_transcripts.forms.{_MODULES[name]}")
    return module.read, module.write
