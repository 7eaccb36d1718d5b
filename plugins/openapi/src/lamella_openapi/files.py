"""Files in arguments: how a model gives one, and its bytes."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final, Literal, TypeAlias

import attrs

from lamella_openapi.document import Document, LeadsNowhere
from lamella_openapi.problems import bad_arguments

__all__ = ["FILE", "File", "Shape", "file_shape", "read_file_argument"]

FILE: Final = {
    "type": "object",
    "description": "A file: either its text, or its bytes as base64.",
    "properties": {
        "text": {"type": "string"},
        "base64": {"type": "string"},
        "filename": {"type": "string"},
        "content_type": {"type": "string", "description": "A media type such as text/csv."},
    },
    "additionalProperties": False,
}
"""The schema that stands in for bytes."""

Shape: TypeAlias = Literal["one", "many"] | None

_MEDIA: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?charset=[A-Za-z0-9-]+)?")


@attrs.frozen
class File:
    """A file to send."""

    data: bytes = attrs.field(repr=False)
    filename: str
    content_type: str


def file_shape(schema: Any, base: str, document: Document) -> Shape:
    """Whether a schema of a form's field, or of a whole body, means bytes: one file, a list of files, or none."""
    try:
        schema, base = document.follow(schema, base)
    except LeadsNowhere:
        return None
    if not isinstance(schema, dict):
        return None
    for word in ("anyOf", "oneOf", "allOf"):
        given = schema.get(word)
        options = [item for item in given if item != {"type": "null"}] if isinstance(given, list) else []
        if len(options) == 1:
            return file_shape(options[0], base, document)
    if "items" in schema:
        return "many" if file_shape(schema["items"], base, document) == "one" else None
    return "one" if _is_bytes(schema) else None


def _is_bytes(schema: dict[str, Any]) -> bool:
    kinds = schema.get("type")
    if kinds == "file":
        return True
    if kinds not in ("string", None, ["string"], ["string", "null"]):
        return False
    media = "contentMediaType" in schema and "contentEncoding" not in schema
    return schema.get("format") == "binary" or media


def read_file_argument(value: Any, name: str, content_type: str | None = None) -> File:
    """The file that an argument means.

    :raises AgentToolCallError: it has neither text nor base64, or both, or is wrong in itself.
    """
    if not isinstance(value, dict) or ("text" in value) == ("base64" in value):
        raise bad_arguments(f'{name} is a file: give {{"text": …}} or {{"base64": …}}')
    given = value.get("content_type")
    if given is not None and not _MEDIA.fullmatch(given):
        raise bad_arguments(f"content_type of {name} must be a media type, got {given[:80]!r}")
    usual = "text/plain; charset=utf-8" if "text" in value else "application/octet-stream"
    return File(
        data=_bytes(value, name),
        filename=value.get("filename") or name,
        content_type=given or content_type or usual,
    )


def _bytes(value: dict[str, Any], name: str) -> bytes:
    try:
        if "text" in value:
            data: bytes = value["text"].encode("utf-8")
            return data
        return base64.b64decode("".join(value["base64"].split()), validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise bad_arguments(f"the bytes of {name} cannot be read: {error}") from None
