"""Messages, outputs and usages as plain JSON that can be compared and read: without ids, times, and vendor state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from lamella._frozen import thaw
from lamella.content import (
    Block,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.events import ToolOutputDone
from lamella.messages import Message
from lamella.serial import to_dict
from lamella.usage import BUCKETS, TokenUsage

__all__ = ["Call", "plain_block", "plain_message", "plain_output", "plain_usage", "response_facts"]

_VENDOR: Final = frozenset(
    {
        "opaque",
        "extra",
        "raw",
        "usage",
        "meta",
        "logprobs",
        "signature",
        "reasoning_id",
        "call_id",
        "provider_meta",
    }
)
_LONGEST_DATA: Final = 200


@attrs.frozen
class Call:
    """A tool call. ``arguments`` is the text as it came where it is no JSON object."""

    name: str
    arguments: Any

    def __str__(self) -> str:
        return f"{self.name}({self.arguments})"


def plain_message(message: Message, *, strict: bool = False) -> dict[str, Any]:
    """A message; ``strict`` keeps what its vendor wrote on it."""
    blocks = [_shortened(to_dict(block)) if strict else plain_block(block) for block in message.content]
    return {"role": message.role, "content": blocks}


def plain_block(block: Block) -> Any:
    """A block: text as text, media by a digest of their bytes, anything else as JSON."""
    if isinstance(block, TextBlock) and not block.annotations:
        return block.text
    document = {name: value for name, value in to_dict(block).items() if name not in _VENDOR}
    if isinstance(block, ToolCallBlock) and block.arguments is not None:
        document.pop("arguments_json", None)
    if isinstance(block, ToolOutputBlock):
        document["output"] = plain_value(block.output)
    return _shortened(document)


def plain_output(done: ToolOutputDone) -> dict[str, Any]:
    """What a tool gave."""
    return {"name": done.name, "output": plain_value(done.output), "is_error": done.is_error}


def plain_value(output: Any) -> Any:
    """An output: text, JSON, or blocks."""
    if isinstance(output, tuple):
        return [plain_block(part) for part in output]
    return thaw(output)


def plain_usage(usage: TokenUsage | None) -> dict[str, int] | None:
    """The counts that were reported, by their names; ``None`` where none was."""
    if usage is None:
        return None
    counts = {name: getattr(usage, name) for name in (*BUCKETS, "total_tokens")}
    return {name: count for name, count in counts.items() if count is not None} or None


def response_facts(blocks: Iterable[Block]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a response said, by name, and what its vendor wrote on it."""
    facts: dict[str, Any] = {"text": None, "reasoning": None}
    vendor: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for place, block in enumerate(blocks):
        state = {name: value for name, value in to_dict(block).items() if name in _VENDOR}
        if state:
            vendor[f"block {place}"] = state
        if isinstance(block, TextBlock):
            facts["text"] = (facts["text"] or "") + block.text
        elif isinstance(block, ReasoningBlock):
            thought = "\n".join(filter(None, (block.summary, block.text)))
            facts["reasoning"] = "\n".join(filter(None, (facts["reasoning"], thought))) or None
        elif isinstance(block, OpaqueContent):
            vendor[f"block {place}"] = to_dict(block)
        else:
            kind = "call" if isinstance(block, ToolCallBlock) else "media"
            counts[kind] = counts.get(kind, 0) + 1
            facts[f"{kind} {counts[kind]}"] = _call_or_media(block)
    return facts, vendor


def _call_or_media(block: Block) -> Any:
    if isinstance(block, ToolCallBlock):
        return Call(block.name, block.arguments_json if block.arguments is None else thaw(block.arguments))
    return plain_block(block)


def _shortened(value: Any, key: str | None = None) -> Any:
    """Without the bytes of media: a digest says whether they are the same."""
    if isinstance(value, Mapping):
        return {name: _shortened(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if key == "data" and isinstance(value, str) and len(value) > _LONGEST_DATA:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    return value
