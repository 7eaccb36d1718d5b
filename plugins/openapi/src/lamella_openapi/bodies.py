"""Request bodies: the bytes, or the parts, of what the arguments say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from lamella_openapi.document import Document, LeadsNowhere
from lamella_openapi.files import File, file_shape, read_file_argument
from lamella_openapi.media import essence, kind_of
from lamella_openapi.operations import Body, Parameter
from lamella_openapi.problems import bad_arguments
from lamella_openapi.styles import as_text, query_pairs

__all__ = ["Content", "Part", "encode_body"]

Part: TypeAlias = tuple[str, tuple[str | None, bytes, str | None]]
"""A field of a form: its name, and file name, bytes and media type."""


@attrs.frozen(kw_only=True)
class Content:
    """The body of a request: ``data`` of type ``media``, or the ``parts`` of a form."""

    media: str | None = None
    data: bytes | None = None
    parts: tuple[Part, ...] | None = None


def encode_body(body: Body, value: Any, document: Document) -> Content:
    """The body that a value means.

    :raises AgentToolCallError: the value cannot be written so.
    """
    kind = kind_of(body.media)
    try:
        if kind == "json":
            return Content(media=_json_type(body), data=_json(value))
        if kind == "form":
            return Content(media=essence(body.media), data=_form(body, value))
        if kind == "multipart":
            return Content(parts=_parts(body, value, document))
        if kind == "text":
            return Content(media=body.media, data=_text(value))
        file = read_file_argument(value, "body", None if "*" in body.media else body.media)
        return Content(media=file.content_type if "*" in body.media else body.media, data=file.data)
    except (UnicodeEncodeError, RecursionError) as error:
        raise bad_arguments(f"the body cannot be written: {type(error).__name__}") from None


def _json_type(body: Body) -> str:
    return "application/json" if "*" in body.media else body.media


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def _text(value: Any) -> bytes:
    return as_text(value).encode("utf-8")


def _fields(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise bad_arguments(f"the body is a form and must be an object, not {type(value).__name__}")
    return value


def _encoding(body: Body, name: str) -> Mapping[str, Any]:
    found = body.encoding.get(name)
    return found if isinstance(found, Mapping) else {}


def _form(body: Body, value: Any) -> bytes:
    pairs = []
    for name, item in _fields(value).items():
        if item is not None:
            pairs += query_pairs(_field(name, item, _encoding(body, name)), item)
    return "&".join(f"{name}={text}" for name, text in pairs).encode("ascii")


def _field(name: str, item: Any, encoding: Mapping[str, Any]) -> Parameter:
    """A field as a parameter. Objects are JSON unless the document says how else."""
    style = encoding.get("style")
    explode = encoding.get("explode")
    styled = style in ("form", "spaceDelimited", "pipeDelimited", "deepObject")
    return Parameter(
        name=name,
        location="query",
        style=str(style) if styled else "form",
        explode=explode if isinstance(explode, bool) else not styled or style in ("form", "deepObject"),
        media="application/json" if isinstance(item, dict) and not styled else None,
    )


def _parts(body: Body, value: Any, document: Document) -> tuple[Part, ...]:
    parts: list[Part] = []
    for name, item in _fields(value).items():
        if item is None:
            continue
        media = _part_type(_encoding(body, name))
        file = _is_file(body, name, document)
        parts += [_part(name, one, media, file=file) for one in (item if isinstance(item, list) else [item])]
    return tuple(parts)


def _part_type(encoding: Mapping[str, Any]) -> str | None:
    """The first type that the document says for a part."""
    given = encoding.get("contentType")
    first = given.partition(",")[0].strip() if isinstance(given, str) else ""
    return None if not first or "*" in first else first


def _part(name: str, item: Any, media: str | None, *, file: bool) -> Part:
    if file:
        read: File = read_file_argument(item, name, media)
        return name, (read.filename, read.data, read.content_type)
    if isinstance(item, dict | list):
        return name, (None, _json(item), media or "application/json")
    return name, (None, _text(item), media)


def _is_file(body: Body, name: str, document: Document) -> bool:
    try:
        schema, base = document.follow(body.schema, body.base)
    except LeadsNowhere:
        return False
    properties = schema.get("properties") if isinstance(schema, dict) else None
    item = properties.get(name) if isinstance(properties, dict) else None
    return item is not None and file_shape(item, base, document) is not None
