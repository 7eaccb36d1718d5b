"""Content blocks of an Anthropic request: each type's fields, and what it is in Lamella's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import (
    Block,
    OpaqueContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella_sim.wires.anthropic_media import read_document, read_image
from lamella_sim.wires.openai import Payload, built
from lamella_sim.wires.shape import Shape, join
from lamella_sim.wires.wire import BadRequest

__all__ = ["SHAPE", "check_cache", "read_block", "read_text_blocks"]

SHAPE: Final = Shape(400)

_ID: Final = "^[a-zA-Z0-9_-]+$"
_EMPTY: Final = "messages: text content blocks must be non-empty"
_BLANK: Final = "messages: text content blocks must contain non-whitespace text"

_CACHE: Final = {"cache_control": "?object"}
_FIELDS: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "text": ({"text": "str"}, {**_CACHE, "citations": "?list"}),
    "image": ({"source": "object"}, {**_CACHE, "transformations": "?object"}),
    "document": (
        {"source": "object"},
        {**_CACHE, "citations": "?object", "context": "?str", "title": "?str"},
    ),
    "search_result": (
        {"source": "str", "title": "str", "content": "list"},
        {**_CACHE, "citations": "object"},
    ),
    "thinking": ({"thinking": "str", "signature": "str"}, {}),
    "redacted_thinking": ({"data": "str"}, {}),
    "tool_use": (
        {"id": "str", "name": "str", "input": "object"},
        {**_CACHE, "caller": "object", "toolset_name": "?str"},
    ),
    "tool_result": (
        {"tool_use_id": "str"},
        {**_CACHE, "content": "text", "is_error": "bool", "toolset_name": "?str"},
    ),
}
"""The required and the optional fields of the blocks whose inside is known here."""

_USER: Final = ("text", "image", "document", "search_result", "tool_result", "container_upload")
_ASSISTANT: Final = ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "document")
_RESULT: Final = ("text", "image", "document", "search_result", "tool_reference", "browser_state")
_SERVER: Final = re.compile(r"\w+_tool_result|mcp_tool_use|compaction|fallback|connector_text")
"""Blocks that report work of the vendor's servers; they come back as they were sent."""


def read_block(block: Any, role: str, where: str) -> Block:
    """A block of a message.

    :raises BadRequest: Anthropic would refuse it.
    """
    kind = _kind(block, role, where)
    if kind not in _FIELDS:
        return OpaqueContent(type=f"anthropic.{kind}", provider="anthropic", data={"item": block})
    here = join(where, kind)
    required, optional = _FIELDS[kind]
    fields = SHAPE.fields(block, here, {"type": "str", **required}, optional)
    check_cache(fields, here)
    made: Block = built(lambda: _READERS[kind](fields, here), here)
    return made


def read_text_blocks(content: Any, where: str) -> tuple[TextBlock, ...]:
    """A text, or a list of text blocks."""
    if isinstance(content, str):
        return (TextBlock(text=content),)
    blocks = []
    for index, block in enumerate(SHAPE.value(content, "text", where)):
        SHAPE.tag(block, f"{where}.{index}", ("text",))
        blocks.append(read_block(block, "user", f"{where}.{index}"))
    return tuple(block for block in blocks if isinstance(block, TextBlock))


def check_cache(fields: Payload, where: str) -> None:
    """A ``cache_control`` is ``{"type": "ephemeral", "ttl": "5m" | "1h"}``."""
    cache = fields.get("cache_control")
    if cache is not None:
        here = join(where, "cache_control")
        SHAPE.tag(cache, here, ("ephemeral",))
        SHAPE.fields(cache, join(here, "ephemeral"), {"type": "str"}, {"ttl": "str"})
        SHAPE.one_of(cache.get("ttl", "5m"), join(here, "ephemeral.ttl"), ("5m", "1h"))


def _kind(block: Any, role: str, where: str) -> str:
    """The type of a block, where the role may hold it."""
    given = SHAPE.value(block, "object", where)
    kind = given.get("type")
    if role == "assistant" and isinstance(kind, str) and _SERVER.fullmatch(kind) and kind != "tool_result":
        return kind
    other = {"tool_use": "assistant", "thinking": "assistant", "tool_result": "user", "image": "user"}
    if kind in other and role in ("user", "assistant") and role != other[kind]:
        raise BadRequest(f"`{kind}` blocks can only be in `{other[kind]}` messages", param=where)
    allowed = {"user": _USER, "assistant": _ASSISTANT, "tool_result": _RESULT, "system": ("text",)}
    return SHAPE.tag(block, where, allowed[role])


def _text(fields: Payload, where: str) -> TextBlock:
    if not fields["text"]:
        raise BadRequest(_EMPTY)
    if not fields["text"].strip():
        raise BadRequest(_BLANK)
    return TextBlock(text=fields["text"], annotations=tuple(fields.get("citations") or ()))


def _thinking(fields: Payload, where: str) -> ReasoningBlock:
    _check_signature(fields["signature"], where, "Invalid `signature` in `thinking` block")
    return ReasoningBlock(text=fields["thinking"], signature=fields["signature"], provider="anthropic")


def _redacted(fields: Payload, where: str) -> ReasoningBlock:
    _check_signature(fields["data"], where, "Invalid `data` in `redacted_thinking` block")
    return ReasoningBlock(redacted=True, signature=fields["data"], provider="anthropic")


def _check_signature(signature: str, where: str, message: str) -> None:
    """Signatures that the simulator made on another wire are no signatures here."""
    if not signature or (signature.startswith("sim-") and not signature.startswith("sim-anthropic-")):
        SHAPE.fault(where.rpartition(".")[0], message)


def _call(fields: Payload, where: str) -> ToolCallBlock:
    SHAPE.matches(fields["id"], join(where, "id"), _ID)
    if not 1 <= len(fields["name"]) <= 200:
        SHAPE.fault(join(where, "name"), "String should have at least 1 and at most 200 characters")
    return ToolCallBlock(call_id=fields["id"], name=fields["name"], arguments=fields["input"])


def _output(fields: Payload, where: str) -> ToolOutputBlock:
    SHAPE.matches(fields["tool_use_id"], join(where, "tool_use_id"), _ID)
    content, failed = fields.get("content", ""), fields.get("is_error", False)
    if failed and not content:
        raise BadRequest("content cannot be empty if `is_error` is true", param=where)
    output: Any = content
    if isinstance(content, list):
        parts = [
            read_block(part, "tool_result", f"{where}.content.{index}") for index, part in enumerate(content)
        ]
        if failed and not all(isinstance(part, TextBlock) for part in parts):
            raise BadRequest("all content must be type `text` if `is_error` is true", param=where)
        plain = "".join(part.text for part in parts if isinstance(part, TextBlock))
        output = plain if all(isinstance(part, TextBlock) for part in parts) else tuple(parts)
    return ToolOutputBlock(call_id=fields["tool_use_id"], output=output, is_error=failed)


def _search_result(fields: Payload, where: str) -> OpaqueContent:
    read_text_blocks(fields["content"], join(where, "content"))
    return OpaqueContent(type="anthropic.search_result", provider="anthropic", data={"item": fields})


_READERS: Final[Mapping[str, Callable[[Payload, str], Block]]] = {
    "text": _text,
    "image": read_image,
    "document": read_document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _call,
    "tool_result": _output,
}
