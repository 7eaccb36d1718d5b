"""From Lamella's outputs to MCP content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from mcp import types

from lamella._frozen import thaw
from lamella.content import Block, MediaContent, TextBlock
from lamella.content.base64_text import to_base64

__all__ = ["as_result", "content_of"]

_PLAIN: Final = ("image", "audio")


def as_result(output: Any, *, is_error: bool = False) -> types.CallToolResult:
    """The result of a call: a JSON object also as structured content."""
    if isinstance(output, tuple):
        return types.CallToolResult(content=content_of(output), is_error=is_error)
    if isinstance(output, str):
        return types.CallToolResult(content=[types.TextContent(type="text", text=output)], is_error=is_error)
    value = thaw(output)
    text = types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False))
    if isinstance(value, dict) and not is_error:
        return types.CallToolResult(content=[text], structured_content=value)
    return types.CallToolResult(content=[text], is_error=is_error)


def content_of(blocks: Iterable[Block]) -> list[types.ContentBlock]:
    """Blocks as content, in their order; a block that MCP has no word for is named."""
    return [_part(block) for block in blocks]


def _part(block: Block) -> types.ContentBlock:
    if isinstance(block, TextBlock):
        return types.TextContent(type="text", text=block.text)
    if not isinstance(block, MediaContent):
        return types.TextContent(type="text", text=f"[a {type(block).__name__} is left out]")
    if block.url is not None:
        return types.ResourceLink(
            type="resource_link", uri=block.url, name=block.name or block.type, mime_type=block.mime_type
        )
    if block.data is None:
        return types.TextContent(type="text", text=f"[{block.type} {block.file_id} of {block.provider}]")
    return _held(block, to_base64(block.data))


def _held(block: MediaContent, data: str) -> types.ContentBlock:
    if block.type == "image":
        return types.ImageContent(type="image", data=data, mime_type=block.mime_type)
    if block.type == "audio":
        return types.AudioContent(type="audio", data=data, mime_type=block.mime_type)
    return types.EmbeddedResource(
        type="resource",
        resource=types.BlobResourceContents(
            uri=f"attachment:{block.name or block.type}", mime_type=block.mime_type, blob=data
        ),
    )
