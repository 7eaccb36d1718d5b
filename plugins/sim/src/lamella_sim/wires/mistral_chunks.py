"""Content chunks of a Mistral request: each type's fields, and what it is in Lamella's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import Block, OpaqueContent, ReasoningBlock, TextBlock
from lamella_sim.wires.mistral_media import (
    SHAPE,
    Invalid,
    read_audio,
    read_document,
    read_file,
    read_image,
)
from lamella_sim.wires.openai import Payload, built
from lamella_sim.wires.shape import join

__all__ = ["SHAPE", "Invalid", "read_content"]

_FIELDS: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "text": ({"text": "str"}, {}),
    "image_url": ({"image_url": "any"}, {}),
    "document_url": ({"document_url": "str"}, {"document_name": "?str"}),
    "file": ({"file_id": "str"}, {}),
    "input_audio": ({"input_audio": "any"}, {}),
    "reference": ({"reference_ids": "list"}, {}),
    "resource": ({"resource": "object"}, {}),
    "resource_link": (
        {"uri": "str", "name": "str"},
        {"title": "?str", "description": "?str", "mimeType": "?str"},
    ),
    "thinking": ({"thinking": "list"}, {"signature": "?str", "closed": "bool"}),
}
"""The required and the optional fields of each type."""

_ALLOWED: Final = {
    "system": ("text", "thinking"),
    "user": tuple(kind for kind in _FIELDS if kind != "thinking"),
    "assistant": ("text", "thinking", "reference"),
    "tool": tuple(kind for kind in _FIELDS if kind != "thinking"),
}


def read_content(content: Any, role: str, where: str) -> list[Block]:
    """A text, or chunks.

    :raises BadRequest: Mistral would refuse it.
    """
    if isinstance(content, str):
        return [TextBlock(text=content)]
    chunks = SHAPE.value(content, "text", where)
    blocks = [_chunk(chunk, role, f"{where}.{index}") for index, chunk in enumerate(chunks)]
    if role == "system":  # a system prompt may show how to think
        return [
            TextBlock(text=block.text or "") if isinstance(block, ReasoningBlock) else block
            for block in blocks
        ]
    return blocks


def _chunk(chunk: Any, role: str, where: str) -> Block:
    kind = SHAPE.tag(chunk, where, _ALLOWED[role])
    required, optional = _FIELDS[kind]
    here = join(where, kind)
    fields = SHAPE.fields(chunk, here, {"type": "str", **required}, optional)
    if kind not in _READERS:
        return OpaqueContent(type=f"mistral.{kind}", provider="mistral", data={"item": chunk})
    made: Block = built(lambda: _READERS[kind](fields, here), here)
    return made


def _text(fields: Payload, where: str) -> TextBlock:
    return TextBlock(text=fields["text"])


def _thinking(fields: Payload, where: str) -> ReasoningBlock:
    texts = []
    for index, chunk in enumerate(fields["thinking"]):
        if SHAPE.tag(chunk, f"{where}.thinking.{index}", ("text", "reference", "tool_reference")) == "text":
            texts.append(
                SHAPE.fields(chunk, f"{where}.thinking.{index}", {"type": "str", "text": "str"})["text"]
            )
    signature = fields.get("signature")
    if signature and signature.startswith("sim-") and not signature.startswith("sim-mistral-"):
        raise Invalid("Invalid signature in thinking chunk", "invalid_request_error", "3051")
    return ReasoningBlock(text="".join(texts), signature=signature, provider="mistral")


_READERS: Final[Mapping[str, Callable[[Payload, str], Block]]] = {
    "text": _text,
    "thinking": _thinking,
    "image_url": read_image,
    "document_url": read_document,
    "file": read_file,
    "input_audio": read_audio,
}
