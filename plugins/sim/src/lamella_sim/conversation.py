"""What a request's history says about where the conversation stands. All of the simulator's memory is here."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from lamella.content import Block, MediaContent, OpaqueContent, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message

__all__ = ["Exchange", "count_responses", "read_exchange"]


@attrs.frozen(kw_only=True)
class Exchange:
    """What was last asked, and what has been done about it since.

    ``responses`` counts model responses since that text, ``position`` those of the whole history.
    """

    text: str = ""
    media: tuple[Block, ...] = ()
    calls: tuple[ToolCallBlock, ...] = ()
    outputs: tuple[ToolOutputBlock, ...] = ()
    responses: int = 0
    position: int = 0


def read_exchange(messages: Sequence[Message]) -> Exchange:
    """The exchange that begins at the last user message which holds more than tool outputs."""
    start = max((index for index, message in enumerate(messages) if _asks(message)), default=-1)
    since = messages[start + 1 :]
    asked = messages[start] if start >= 0 else None
    return Exchange(
        text=asked.text if asked is not None else "",
        media=_media(asked),
        calls=tuple(call for message in since for call in message.tool_calls),
        outputs=tuple(output for message in since for output in message.tool_outputs),
        responses=count_responses(since),
        position=count_responses(messages),
    )


def count_responses(messages: Sequence[Message]) -> int:
    """Model responses in a history. Assistant messages in a row are one: wires do not keep them apart."""
    count, previous = 0, ""
    for message in messages:
        if message.role == "assistant" and previous != "assistant":
            count += 1
        if message.role != "system":
            previous = message.role
    return count


def _asks(message: Message) -> bool:
    return message.role == "user" and any(not isinstance(block, ToolOutputBlock) for block in message.content)


def _media(message: Message | None) -> tuple[Block, ...]:
    content = () if message is None else message.content
    return tuple(block for block in content if isinstance(block, MediaContent | OpaqueContent))
