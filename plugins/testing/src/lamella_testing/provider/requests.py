"""The requests that the kit asks, with words in them that can be found again on a wire."""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from typing import ClassVar, Final

import attrs

from lamella.content import MediaContent, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest, OutputSchema, RequestOptions
from lamella.tools import Tool, tool

__all__ = [
    "MEDIA",
    "ONCE",
    "PNG",
    "SCHEMA",
    "answered",
    "asking",
    "kit_tools",
    "media",
    "of_history",
]

ONCE: Final = RequestOptions(max_retries=0)
"""The kit never waits for a retry."""

PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one pixel."""

SCHEMA: Final = OutputSchema(
    schema={
        "type": "object",
        "properties": {
            "conformance_city": {"type": "string", "description": "Name of a city"},
            "conformance_count": {"type": "integer"},
        },
        "required": ["conformance_city", "conformance_count"],
        "additionalProperties": False,
    },
    name="conformance_answer",
)


class _Image(MediaContent):
    type: ClassVar[str] = "image"
    default_mime_type: ClassVar[str] = "image/png"


class _Audio(MediaContent):
    type: ClassVar[str] = "audio"
    default_mime_type: ClassVar[str] = "audio/wav"


class _Document(MediaContent):
    type: ClassVar[str] = "document"
    default_mime_type: ClassVar[str] = "application/pdf"


MEDIA: Final[dict[str, type[MediaContent]]] = {"image": _Image, "audio": _Audio, "document": _Document}

_BYTES: Final = {
    "image": PNG,
    "audio": b"RIFF$\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00@\x1f\x00\x00\x80>\x00\x00\x02\x00\x10\x00"
    b"data\x00\x00\x00\x00",
    "document": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
}


def media(kind: str) -> MediaContent:
    """A small image, sound or document, as bytes."""
    return MEDIA[kind](data=_BYTES[kind])


@functools.cache
def kit_tools() -> tuple[Tool, Tool]:
    """Two tools. A model is asked to use them; they are never called."""

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers.

        :param a: the first number
        :param b: the second number
        """
        return a + b

    @tool
    def look_up(conformance_word: str) -> str:
        """Look up a word.

        :param conformance_word: the word to look up
        """
        return conformance_word

    return add, look_up


def asking(text: str, **fields: object) -> ModelRequest:
    """A request of one text."""
    return ModelRequest(messages=(Message.user(text),), options=ONCE, **fields)  # type: ignore[arg-type]  # fields of ModelRequest


def of_history(messages: Sequence[Message], **fields: object) -> ModelRequest:
    """A request of a history."""
    return ModelRequest(messages=tuple(messages), options=ONCE, **fields)  # type: ignore[arg-type]  # as above


@attrs.frozen
class _Turn:
    """The calls of one turn and their outputs, as messages."""

    call: Message
    outputs: Message


def answered(*, error: bool = False, output: object = "visible-output-one") -> _Turn:
    """Two parallel calls and their outputs, in call order; the second may be an error."""
    calls = (
        ToolCallBlock(call_id="callAAAA1", name="add", arguments_json='{"a": 2, "b": 3}'),
        ToolCallBlock(
            call_id="callBBBB2", name="look_up", arguments_json='{"conformance_word": "visible-word"}'
        ),
    )
    outputs = (
        ToolOutputBlock(call_id="callAAAA1", name="add", output=output),
        ToolOutputBlock(call_id="callBBBB2", name="look_up", output="visible-output-two", is_error=error),
    )
    return _Turn(call=Message.assistant(calls), outputs=Message.user(outputs))
