"""Where the media of a request are, and the request with other media in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from lamella.content import Block, MediaContent, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest

__all__ = ["Place", "media_of", "with_media"]


@attrs.frozen(kw_only=True)
class Place:
    """A media block of a user message, or of a tool output in one; ``message`` and ``block`` are zero-based."""

    message: int
    block: int
    what: str
    """The type of the block: ``tool_output`` for media inside one."""

    content: MediaContent
    kind: str | None = None
    """The type as which its bytes would be taken, ``None`` when it need not be fetched."""


def media_of(request: ModelRequest) -> Iterator[Place]:
    """The media that are sent to a model. What a model made itself is its encoder's business."""
    for index, message in enumerate(request.messages):
        if message.role != "user":
            continue
        for place, block in enumerate(message.content):
            parts: Any = (block.parts or ()) if isinstance(block, ToolOutputBlock) else (block,)
            for part in parts:
                if isinstance(part, MediaContent):
                    what = getattr(block, "type", "media")
                    yield Place(message=index, block=place, what=what, content=part)


def with_media(request: ModelRequest, change: Callable[[MediaContent], MediaContent]) -> ModelRequest:
    """The request with ``change`` made to each of its media; messages without any stay the same objects."""
    messages = tuple(
        _message(message, change) if message.role == "user" else message for message in request.messages
    )
    return attrs.evolve(request, messages=messages)


def _message(message: Message, change: Callable[[MediaContent], MediaContent]) -> Message:
    blocks = tuple(_block(block, change) for block in message.content)
    if all(new is old for new, old in zip(blocks, message.content, strict=True)):
        return message
    return attrs.evolve(message, content=blocks)


def _block(block: Block, change: Callable[[MediaContent], MediaContent]) -> Block:
    if isinstance(block, MediaContent):
        return change(block)
    if not isinstance(block, ToolOutputBlock) or block.parts is None:
        return block
    parts = tuple(_block(part, change) for part in block.parts)
    if all(new is old for new, old in zip(parts, block.parts, strict=True)):
        return block
    return attrs.evolve(block, output=parts)
