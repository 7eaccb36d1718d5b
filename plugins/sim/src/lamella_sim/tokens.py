"""Token counts by a plain rule, always marked as estimated.

Text costs one token for every four bytes of UTF-8, rounded up; a message 3 tokens more, a media
block 100, read or made; a tool or an output schema costs as much as its JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamella._json import dumps
from lamella.content import Block, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.models import ModelRequest
from lamella.usage import BUCKETS, TokenUsage
from lamella_sim.making import MAKING
from lamella_sim.steps import Reasoning, Refusal, Step, Text, ToolCall

__all__ = ["count_request", "count_text", "estimate_usage"]

_MESSAGE = 3
_MEDIA = 100


def count_text(text: str | None) -> int:
    """Tokens of a text."""
    return -(-len((text or "").encode("utf-8", "surrogatepass")) // 4)


def count_request(request: ModelRequest) -> int:
    """Tokens of a request."""
    total = count_text(request.system_instruction) + (_MESSAGE if request.system_instruction else 0)
    for message in request.messages:
        total += _MESSAGE + sum(_count_block(block) for block in message.content)
    for tool in request.tools:
        total += count_text(tool.name) + count_text(tool.description) + _count_json(tool.input_schema)
    return total + (_count_json(request.output_schema.schema) if request.output_schema else 0)


def estimate_usage(request: ModelRequest, steps: Sequence[Step], given: TokenUsage | None) -> TokenUsage:
    """The usage of a response: what a script says in the buckets it sets, the rule elsewhere."""
    counts: dict[str, Any] = {
        "input_tokens": count_request(request),
        "output_tokens": sum(_count_output(step) for step in steps),
        "reasoning_tokens": sum(_count_reasoning(step) for step in steps),
    }
    said = {
        name: value for name in BUCKETS if given is not None and (value := getattr(given, name)) is not None
    }
    counts = {**counts, **said}
    total = (
        given.total_tokens if given is not None and given.total_tokens is not None else sum(counts.values())
    )
    estimated = tuple(sorted(name for name in counts if name not in said))
    return TokenUsage(**counts, total_tokens=total, estimated=estimated)


def _count_json(value: Any) -> int:
    return count_text(dumps(value)) if value else 0


def _count_block(block: Block) -> int:
    if isinstance(block, TextBlock):
        return count_text(block.text)
    if isinstance(block, ReasoningBlock):
        return count_text(block.summary) + count_text(block.text)
    if isinstance(block, ToolCallBlock):
        return count_text(block.name) + count_text(block.arguments_json)
    if isinstance(block, ToolOutputBlock):
        return sum(map(_count_block, block.parts)) if block.parts is not None else count_text(block.text)
    return _MEDIA


def _count_output(step: Step) -> int:
    if isinstance(step, Text | Refusal):
        return count_text(step.text)
    if isinstance(step, MAKING):
        return _MEDIA
    return count_text(step.name) + count_text(step.arguments_json) if isinstance(step, ToolCall) else 0


def _count_reasoning(step: Step) -> int:
    return count_text(step.summary) + count_text(step.text) if isinstance(step, Reasoning) else 0
