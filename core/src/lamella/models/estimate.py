"""How many tokens a request is, guessed from its text: for providers that cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lamella._json import dumps
from lamella.content import (
    Block,
    MediaContent,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.models.counting import TokenCount
from lamella.models.request import ModelRequest

__all__ = ["CHARACTERS_PER_TOKEN", "estimate_tokens"]

CHARACTERS_PER_TOKEN: Final = 4
"""English prose in the vocabularies of today's models; other languages and code take more tokens."""


def estimate_tokens(request: ModelRequest) -> TokenCount:
    """A guess at four characters a token, marked as one; media are named as not counted."""
    blocks = [block for message in request.messages for block in _all_blocks(message.content)]
    characters = sum(map(_length, blocks)) + sum(map(len, _around(request)))
    media = {getattr(block, "type", "media") for block in blocks if isinstance(block, MediaContent)}
    return TokenCount(
        tokens=-(-characters // CHARACTERS_PER_TOKEN), estimated=True, uncounted=tuple(sorted(media))
    )


def _all_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, ToolOutputBlock):
            yield from block.parts or ()


def _length(block: Block) -> int:
    match block:
        case TextBlock():
            return len(block.text)
        case ReasoningBlock():
            return len(block.text or block.summary or "")
        case ToolCallBlock():
            return len(block.name) + len(block.arguments_json)
        case ToolOutputBlock():
            return 0 if block.parts is not None else len(block.text)
        case OpaqueContent():
            return len(dumps(block.data))
    return 0


def _around(request: ModelRequest) -> Iterator[str]:
    """The texts of a request beside its messages."""
    yield request.system_instruction or ""
    yield from (dumps(item) for item in request.native or ())
    for tool in request.tools:
        yield f"{tool.name}{tool.description or ''}{dumps(tool.wire_schema()[0])}"
    if request.output_schema is not None:
        yield dumps(request.output_schema.schema)
