"""What a record says of an event: facts for machines, and a line for people. Content is only in ``content``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella._frozen import thaw
from lamella.content import TextBlock
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
    MessageOutputDone,
    OtherEvent,
    OutputRejected,
    ProgressEnd,
    ProgressStart,
    ProgressUpdate,
    ReasoningDone,
    ResponseDone,
    StreamEnd,
    StreamError,
    StreamResumed,
    StreamStart,
    ToolCallDone,
    ToolOutputDone,
    ToolStart,
)
from lamella.messages import Message

__all__ = ["content_of", "facts_of"]

_KEPT: Final[Mapping[type[Event], tuple[str, ...]]] = {
    StreamStart: ("kind", "conversation", "forked_from", "forked_at"),
    StreamResumed: ("unknown",),
    StreamEnd: ("stop_reason",),
    StreamError: ("error", "error_type", "retryable"),
    AgentStart: ("kind", "call_id"),
    AgentEnd: ("stop_reason", "error"),
    AttemptStart: ("attempt",),
    AttemptRollback: ("attempt", "error", "wait", "visible"),
    ResponseDone: ("stop_reason", "response_id", "cached"),
    ToolStart: ("call_id", "name"),
    ToolCallDone: ("call_id", "name"),
    ToolOutputDone: ("call_id", "name", "is_error"),
    ApprovalPending: ("call_id", "name"),
    ApprovalResolved: ("call_id", "name", "approved"),
    GuardrailOverride: ("guardrail",),
    OtherEvent: ("name",),
    ProgressStart: ("key", "call_id"),
    ProgressUpdate: ("key", "fraction", "call_id"),
    ProgressEnd: ("key", "call_id"),
}
"""The fields of each event that hold nothing of the conversation."""

_CODED: Final = (StreamError, AgentEnd, AttemptRollback)
_WORDS: Final = 300
"""Characters of an error's text that are kept."""


def facts_of(event: Event) -> dict[str, Any]:
    """The fields that are logged always; those that are ``None`` are left out."""
    facts: dict[str, Any] = {}
    for name in _KEPT.get(type(event), ()):
        value = getattr(event, name)
        if value is not None:
            facts[name] = list(value) if isinstance(value, tuple) else value
    if "error" in facts:
        facts["error"] = _cut(facts["error"], _WORDS)
    if isinstance(event, _CODED) and event.code is not None:
        facts["error_code"] = event.code
    facts.update(_sizes(event))
    return facts


def _sizes(event: Event) -> dict[str, Any]:
    """How large the content is that is not said."""
    if isinstance(event, StreamStart | AgentStart):
        return {"messages": len(event.input)}
    if isinstance(event, MessageOutputDone | ReasoningDone):
        return {"characters": len(event.output)}
    if isinstance(event, OutputRejected):
        return {"problems": len(event.problems)}
    if isinstance(event, ResponseDone) and event.losses:
        return {"losses": len(event.losses)}
    return {"media_type": event.media.type} if isinstance(event, MediaOutputDone) else {}


# -- content ----------------------------------------------------------------------------------------


def content_of(event: Event, width: int) -> dict[str, Any]:
    """Prompts, arguments, outputs, answers: cut to ``width`` characters each, 0 cuts nothing. Never media."""
    return {
        name: _cut(_text(value), width)
        for name, value in _content(event).items()
        if value not in (None, "", ())
    }


def _content(event: Event) -> dict[str, Any]:
    if isinstance(event, StreamStart | AgentStart):
        return {"input": event.input, "system_instruction": event.system_instruction}
    if isinstance(event, StreamEnd | AgentEnd | GuardrailOverride):
        return {"output": event.output, "reason": getattr(event, "reason", None)}
    if isinstance(event, MessageOutputDone | ReasoningDone):
        return {"output": event.output}
    if isinstance(event, ToolCallDone):
        return {"arguments": event.arguments_json}
    if isinstance(event, ToolOutputDone):
        return {"output": event.output}
    if isinstance(event, ApprovalPending):
        return {"arguments": event.arguments}
    if isinstance(event, ApprovalResolved):
        return {"reason": event.reason}
    if isinstance(event, OutputRejected):
        return {"told": event.told, "problems": "\n".join(event.problems)}
    if isinstance(event, ProgressStart | ProgressUpdate):
        return {"details": event.details, "text": getattr(event, "text", None)}
    return {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and all(isinstance(each, Message) for each in value):
        return "\n".join(f"{message.role}: {_blocks(message.content)}" for message in value)
    if isinstance(value, tuple):
        return _blocks(value)
    from lamella._json import dumps

    return dumps(thaw(value))


def _blocks(blocks: tuple[Any, ...]) -> str:
    return " ".join(block.text if isinstance(block, TextBlock) else f"[{block.type}]" for block in blocks)


def _cut(text: str, width: int) -> str:
    return text if not width or len(text) <= width else f"{text[:width]}… ({len(text) - width} more)"
