"""Content chunks of a Mistral request: each type's fields, and what it is in Lamella's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lamella.content import Block, MediaContent, OpaqueContent, ReasoningBlock, TextBlock
from lamella_sim.wires.openai import Payload, built, decoded
from lamella_sim.wires.shape import Shape, join
from lamella_sim.wires.wire import BadRequest

__all__ = ["SHAPE", "Invalid", "read_content"]

SHAPE: Final = Shape(422)

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


class Invalid(BadRequest):
    """A refusal with 400: its words, and Mistral's type and code for it."""

    def __init__(self, message: str, kind: str, code: str | None) -> None:
        super().__init__(message, code=code)
        self.kind = kind


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


def _image(fields: Payload, where: str) -> MediaContent:
    held = fields["image_url"]
    if isinstance(held, Mapping):
        held = SHAPE.fields(held, f"{where}.image_url", {"url": "str"}, {"detail": "?str"})["url"]
    return _media(SHAPE.value(held, "str", f"{where}.image_url"), "image/*")


def _document(fields: Payload, where: str) -> MediaContent:
    return _media(fields["document_url"], "application/*")


def _file(fields: Payload, where: str) -> MediaContent:
    return MediaContent(file_id=fields["file_id"], provider="mistral", mime_type="application/*")


def _audio(fields: Payload, where: str) -> MediaContent:
    held, here = fields["input_audio"], f"{where}.input_audio"
    if isinstance(held, Mapping):  # OpenAI's form, which Mistral takes too
        held = SHAPE.fields(held, here, {"data": "str"}, {"format": "str"})["data"]
    SHAPE.value(held, "str", here)
    if held.startswith(("https://", "http://", "data:")):
        return _media(held, "audio/*")
    return _bytes(held, "audio/*")


def _media(url: str, mime_type: str) -> MediaContent:
    if url.startswith("data:"):
        head, comma, data = url.removeprefix("data:").partition(",")
        kind, _, encoding = head.partition(";")
        if not comma or encoding != "base64" or not kind:
            raise Invalid("Invalid data URL: expected data:{type};base64,…", "invalid_request_file", "3310")
        return _bytes(data, kind)
    if not url.startswith(("https://", "http://")):
        raise Invalid("Invalid URL: expected https: or a base64 data URL", "invalid_request_file", "3310")
    return MediaContent(url=url, mime_type=mime_type)


def _bytes(data: str, mime_type: str) -> MediaContent:
    try:
        return decoded(data, mime_type, "")
    except BadRequest as problem:
        raise Invalid("The file could not be loaded: not base64", "invalid_request_file", "3310") from problem


_READERS: Final[Mapping[str, Callable[[Payload, str], Block]]] = {
    "text": _text,
    "thinking": _thinking,
    "image_url": _image,
    "document_url": _document,
    "file": _file,
    "input_audio": _audio,
}
