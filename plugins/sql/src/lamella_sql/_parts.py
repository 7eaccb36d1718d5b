"""Messages as rows of ``messages`` and ``blocks``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamella.content import Block, MediaContent, ReasoningBlock, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.serial import to_dict
from lamella_sql._changes import Row
from lamella_sql._escape import encode_json, readable

__all__ = ["block_rows", "message_text"]


def message_text(message: Message) -> str:
    """The text of a message, tool outputs included."""
    return readable("".join(block.text for block in message.content if isinstance(block, TextBlock)))


def block_rows(where: Row, content: Iterable[Block]) -> list[Row]:
    """The rows of a message's blocks; ``where`` are the columns that say which message."""
    return [{**where, "idx": place, **_columns(block)} for place, block in enumerate(content)]


def _columns(block: Block) -> Row:
    text, call_id, name, mime_type, size = _facts(block)
    return {
        "type": readable(str(block.type)),  # type: ignore[attr-defined]  # every block class has its tag
        "text": None if text is None else readable(text),
        "call_id": None if call_id is None else readable(call_id),
        "name": None if name is None else readable(name),
        "mime_type": mime_type,
        "bytes": size,
        "data": encode_json(_light(to_dict(block), block)),
    }


def _facts(block: Block) -> tuple[str | None, str | None, str | None, str | None, int | None]:
    """Text, call id, name, MIME type and size of a block."""
    if isinstance(block, TextBlock):
        return block.text, None, None, None, None
    if isinstance(block, ReasoningBlock):
        told = (block.summary or "") + (block.text or "")
        return told or None, None, None, None, None
    if isinstance(block, ToolCallBlock):
        return block.arguments_json, block.call_id, block.name, None, None
    if isinstance(block, ToolOutputBlock):
        return block.text, block.call_id, block.name, None, None
    if isinstance(block, MediaContent):
        return block.alt, None, block.name, block.mime_type, block.size
    return None, None, None, None, None


def _light(document: dict[str, Any], block: Block) -> dict[str, Any]:
    """A block without the bytes of its media, which its event has."""
    if isinstance(block, MediaContent):
        document.pop("data", None)
    if isinstance(block, ToolOutputBlock) and block.parts is not None:
        for part, inner in zip(document.get("parts", ()), block.parts, strict=False):
            _light(part, inner)
    return document
