"""Images and documents of an Anthropic request ("Vision", "PDF support", "Files API")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.content import Block, MediaContent, OpaqueContent
from lamella_sim.magic import agrees, pixels, sniff
from lamella_sim.received import Place, places, received
from lamella_sim.wires.media import unbase64
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.shape import Shape, join
from lamella_sim.wires.wire import Asked, BadRequest

__all__ = ["check_limits", "read_document", "read_image"]

_SHAPE: Final = Shape(400)
_IMAGE: Final = {
    "base64": {"media_type": "str", "data": "str"},
    "url": {"url": "str"},
    "file": {"file_id": "str"},
}
_DOCUMENT: Final = {
    **_IMAGE,
    "text": {"media_type": "str", "data": "str"},
    "content": {"content": "text"},
}
_IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")

_REQUEST_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of a request ("API overview", request size limits), and so of its PDFs."""

_IMAGE_LIMIT: Final = 10 * 1024 * 1024
"""Bytes of an image as it is sent, which is in base64 ("Vision", limits)."""

_SIDE_LIMIT: Final = 8000
"""Pixels of an image's longer side ("Vision", limits)."""


def read_image(fields: Payload, where: str) -> MediaContent:
    """An ``image`` block."""
    source, here = _source(fields["source"], _IMAGE, where)
    if source["type"] != "base64":
        return _elsewhere(source, "image", here)
    mime_type = _SHAPE.one_of(source["media_type"], join(here, "media_type"), _IMAGE_TYPES)
    data = _decoded(source, "image", here)
    if not agrees(data, mime_type):
        raise BadRequest(
            f"The image was specified using the {mime_type} media type, but the image appears to be a "
            f"{sniff(data)} image",
            param=here,
        )
    return received("image", data=data, mime_type=mime_type)


def read_document(fields: Payload, where: str) -> Block:
    """A ``document`` block: a PDF, a text, or contents."""
    source, here = _source(fields["source"], _DOCUMENT, where)
    if fields.get("citations") is not None:
        _SHAPE.fields(fields["citations"], join(where, "citations"), {}, {"enabled": "bool"})
    title, alt = fields.get("title"), fields.get("context")
    if source["type"] == "content":
        return OpaqueContent(type="anthropic.document", provider="anthropic", data={"item": fields})
    if source["type"] in ("url", "file"):
        return _elsewhere(source, "document", here, name=title, alt=alt)
    if source["type"] == "text":
        _SHAPE.one_of(source["media_type"], join(here, "media_type"), ("text/plain",))
        if not source["data"]:
            raise BadRequest("text document source cannot be empty", param=join(here, "data"))
        data, mime_type = source["data"].encode("utf-8", "surrogatepass"), "text/plain"
    else:
        mime_type = _SHAPE.one_of(source["media_type"], join(here, "media_type"), ("application/pdf",))
        data = _decoded(source, "document", here)
        if not agrees(data, mime_type):
            raise BadRequest("The PDF specified was not valid.", param=join(here, "data"))
    return received("document", data=data, mime_type=mime_type, name=title, alt=alt)


def _source(source: Any, kinds: Mapping[str, Mapping[str, str]], where: str) -> tuple[Payload, str]:
    kind = _SHAPE.tag(source, join(where, "source"), tuple(kinds))
    here = join(where, f"source.{kind}")
    return _SHAPE.fields(source, here, {"type": "str", **kinds[kind]}), here


def _elsewhere(source: Payload, kind: str, where: str, **fields: Any) -> MediaContent:
    if source["type"] == "file":
        return received(kind, file_id=source["file_id"], provider="anthropic", **fields)
    if not source["url"].lower().startswith(("https://", "http://")):
        _SHAPE.fault(join(where, "url"), "Only HTTP and HTTPS URLs are supported.")
    return received(kind, url=source["url"], **fields)


def _decoded(source: Payload, kind: str, where: str) -> bytes:
    try:
        data = unbase64(source["data"])
    except ValueError as error:
        raise BadRequest("invalid base64 data", param=join(where, "data")) from error
    if not data:
        raise BadRequest(f"{kind} cannot be empty", param=join(where, "data"))
    return data


def check_limits(asked: Asked, size: int) -> None:
    """What a request and its images may measure.

    :param size: bytes of the body.
    :raises BadRequest: 413 for the body, 400 for an image.
    """
    if size > _REQUEST_LIMIT:
        raise BadRequest("Request exceeds the maximum size", status=413)
    for place in places(asked.request.messages):
        if place.media.type == "image" and place.media.data is not None:
            _check_image(place.media.data, _path(place))


def _check_image(data: bytes, where: str) -> None:
    sent = 4 * (-(-len(data) // 3))
    if sent > _IMAGE_LIMIT:
        raise BadRequest(f"image exceeds 10 MB maximum: {sent} bytes > {_IMAGE_LIMIT} bytes", param=where)
    if max(pixels(data) or (0,)) > _SIDE_LIMIT:
        told = f"At least one of the image dimensions exceed max allowed size: {_SIDE_LIMIT} pixels"
        raise BadRequest(told, param=f"{where}.data")


def _path(place: Place) -> str:
    block = f"messages.{place.message}.content.{place.block}"
    inner = "" if place.part is None else f".tool_result.content.{place.part}"
    return f"{block}{inner}.image.source.base64"
