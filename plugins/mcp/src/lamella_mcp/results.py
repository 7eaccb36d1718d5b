"""From MCP content to what a tool of Lamella returns: JSON, text, or blocks of text and media."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs
from mcp import types

from lamella.content import Block, TextBlock
from lamella.providers.media import made_media
from lamella_mcp.errors import MCPToolError

__all__ = ["Limit", "blocks_of", "error_text", "resource_blocks", "result_of"]

_KINDS: Final = ("image", "audio")


@attrs.frozen
class Limit:
    """How much a server may send: ``size`` bytes; ``server`` and ``what`` name it in errors."""

    size: int
    server: str
    what: str

    def refuse(self, size: int, thing: str) -> MCPToolError:
        """The error for what cannot be cut."""
        return MCPToolError(
            f"MCP server {self.server}, {self.what}: {thing} has {size:,} bytes, and the limit "
            f"max_result_bytes is {self.size:,}",
            context={"server": self.server},
        )


def result_of(result: types.CallToolResult, limit: Limit, *, checked: bool) -> Any:
    """What the call returns: the structured content if there is one, with the media beside it.

    :param checked: whether the tool has an output schema, which a cut result would break.
    :raises MCPToolError: a part is too large to be kept and cannot be cut.
    """
    structured = result.structured_content
    if structured is None and "structured_content" not in result.model_fields_set:
        return _simplest(blocks_of(result.content, limit))
    if [part.text for part in result.content if isinstance(part, types.TextContent)] == [
        _only_text(structured)
    ]:
        return _simplest(blocks_of(result.content, limit))
    text = json.dumps(structured, ensure_ascii=False)
    size = len(text.encode())
    if size > limit.size:
        if checked:
            raise limit.refuse(size, "the structured result")
        return _cut([TextBlock(text=text)], limit)[0].text  # type: ignore[attr-defined]  # a TextBlock
    beside = [part for part in result.content if not _repeats(part, structured)]
    if all(isinstance(part, types.TextContent) for part in beside):
        return structured
    return [TextBlock(text=text), *blocks_of(beside, limit)]


def _only_text(structured: Any) -> Any:
    """The text that the SDK wraps in a field ``result``: as JSON it says no more."""
    return structured["result"] if isinstance(structured, dict) and list(structured) == ["result"] else None


def _repeats(part: types.ContentBlock, structured: Any) -> bool:
    """Whether a text is the structured content once more, as servers send it for old clients."""
    if not isinstance(part, types.TextContent):
        return False
    try:
        return bool(json.loads(part.text) == structured)
    except (ValueError, RecursionError):
        return False


def _simplest(blocks: Sequence[Block]) -> Any:
    """Text alone as text, nothing as ``None``."""
    if not blocks:
        return None
    if all(isinstance(block, TextBlock) for block in blocks):
        return "\n".join(block.text for block in blocks if isinstance(block, TextBlock))
    return list(blocks)


def error_text(result: types.CallToolResult, limit: Limit) -> str:
    """What a failed tool says."""
    parts = [
        block.text if isinstance(block, TextBlock) else f"[{block!r}]"
        for block in blocks_of(result.content, limit)
    ]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return "\n".join(parts) or "the tool failed and says no more"


# -- content ----------------------------------------------------------------------------------------


def blocks_of(content: Iterable[Any], limit: Limit) -> list[Block]:
    """Content in its order as blocks; what has no block here is named in a text."""
    return _cut([_block(part, limit) for part in content], limit)


def resource_blocks(contents: Iterable[Any], limit: Limit) -> list[Block]:
    """The parts of a resource as blocks."""
    return _cut([_resource(part, limit) for part in contents], limit)


def _block(part: Any, limit: Limit) -> Block:
    if isinstance(part, types.TextContent):
        return TextBlock(text=part.text)
    if isinstance(part, types.ImageContent | types.AudioContent):
        return _media(part.type, part.data, part.mime_type, limit)
    if isinstance(part, types.EmbeddedResource):
        return _resource(part.resource, limit)
    if isinstance(part, types.ResourceLink):
        facts = ", ".join(filter(None, (part.mime_type, part.description)))
        return TextBlock(text=f"[resource {part.title or part.name}: {part.uri}{facts and f' ({facts})'}]")
    return TextBlock(text=f"[content of the type {getattr(part, 'type', type(part).__name__)!r}]")


def _resource(part: Any, limit: Limit) -> Block:
    if isinstance(part, types.TextResourceContents):
        return TextBlock(text=part.text)
    kind = next((kind for kind in _KINDS if (part.mime_type or "").startswith(f"{kind}/")), "document")
    return _media(kind, part.blob, part.mime_type, limit, uri=part.uri)


def _media(kind: str, data: str, mime_type: str | None, limit: Limit, uri: str | None = None) -> Block:
    size = len(data) * 3 // 4 - data[-2:].count("=")
    shown = f"{kind} ({', '.join(filter(None, (mime_type, uri, f'{size:,} bytes')))})"
    if size > limit.size:
        raise limit.refuse(size, f"the {shown}")
    made = made_media(kind, data, mime_type, alt=uri)
    if made is not None:
        return made
    from lamella.config import content_class

    why = (
        f"pip install lamella-{kind} to get it"
        if content_class(kind) is None
        else "it is empty, no base64 or of no known type"
    )
    article = "a" if kind == "document" else "an"
    return TextBlock(text=f"[{article} {shown} is left out: {why}]")


def _cut(blocks: list[Block], limit: Limit) -> list[Block]:
    """The blocks with no more text than the limit in all, and a mark where something is cut off."""
    total = sum(len(block.text.encode()) for block in blocks if isinstance(block, TextBlock))
    if total <= limit.size:
        return blocks
    left, kept = limit.size, list[Block]()
    for block in blocks:
        if not isinstance(block, TextBlock):
            kept.append(block)
            continue
        if left > 0:
            kept.append(TextBlock(text=block.text.encode()[:left].decode("utf-8", "ignore")))
        left -= len(block.text.encode())
    mark = f"\n[cut: {total:,} bytes of text, of which the first {limit.size:,} are shown]"
    last = max(index for index, block in enumerate(kept) if isinstance(block, TextBlock))
    kept[last] = TextBlock(text=f"{kept[last].text}{mark}")  # type: ignore[attr-defined]  # a TextBlock
    return kept
