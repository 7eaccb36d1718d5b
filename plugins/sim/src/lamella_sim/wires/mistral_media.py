"""Images, documents and audio of a Mistral request ("Vision", "Document QnA", "Audio")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamella.content import MediaContent
from lamella_sim.magic import kind_of, sniff
from lamella_sim.received import places, received
from lamella_sim.wires.media import BASE64_URL, data_url, unbase64
from lamella_sim.wires.openai import Payload
from lamella_sim.wires.shape import Shape
from lamella_sim.wires.wire import Asked, BadRequest

__all__ = ["SHAPE", "Invalid", "check_limits", "read_audio", "read_document", "read_file", "read_image"]

SHAPE: Final = Shape(422)

_IMAGE_LIMIT: Final = 10 * 1024 * 1024
_IMAGES_LIMIT: Final = 8
"""Bytes of an image, and images of a request ("Vision", FAQ)."""

_DOCUMENT_LIMIT: Final = 50 * 1024 * 1024
"""Bytes of a document ("Document AI", FAQ)."""


class Invalid(BadRequest):
    """A refusal with 400: its words, and Mistral's type and code for it."""

    def __init__(self, message: str, kind: str, code: str | None) -> None:
        super().__init__(message, code=code)
        self.kind = kind


def _invalid_file(message: str) -> Invalid:
    return Invalid(message, "invalid_request_file", "3310")


def read_image(fields: Payload, where: str) -> MediaContent:
    """An ``image_url``: a URL, or an object with one."""
    held = fields["image_url"]
    if isinstance(held, Mapping):
        here = f"{where}.image_url"
        given = SHAPE.fields(held, here, {"url": "str"}, {"detail": "?str"})
        if given.get("detail") is not None:
            SHAPE.one_of(given["detail"], f"{here}.detail", ("low", "auto", "high"))
        held = given["url"]
    return _media(SHAPE.value(held, "str", f"{where}.image_url"), "image")


def read_document(fields: Payload, where: str) -> MediaContent:
    """A ``document_url``, with the document's name."""
    return _media(fields["document_url"], "document", fields.get("document_name"))


def read_file(fields: Payload, where: str) -> MediaContent:
    """A ``file`` that was uploaded."""
    return received("document", file_id=fields["file_id"], provider="mistral")


def read_audio(fields: Payload, where: str) -> MediaContent:
    """``input_audio``: base64 or a URL, plain or in OpenAI's form."""
    held, here = fields["input_audio"], f"{where}.input_audio"
    if isinstance(held, Mapping):  # OpenAI's form, which Mistral takes too
        held = SHAPE.fields(held, here, {"data": "str"}, {"format": "str"})["data"]
    SHAPE.value(held, "str", here)
    if held.startswith(("https://", "http://", BASE64_URL)):
        return _media(held, "audio")
    return _bytes(held, "audio", None)


def _media(url: str, kind: str, name: str | None = None) -> MediaContent:
    if url.startswith(BASE64_URL):
        read = data_url(url)
        if read is None:
            raise _invalid_file("Invalid data URL: expected data:{type};base64,…")
        mime_type, text = read
        if kind_of(mime_type) != kind or mime_type == "application/octet-stream":
            raise _invalid_file(f"The file could not be loaded: {mime_type} is no type of {kind}")
        return _bytes(text, kind, mime_type, name)
    if not url.startswith(("https://", "http://")):
        raise _invalid_file("Invalid URL: expected https: or a base64 data URL")
    return received(kind, url=url, name=name)


def _bytes(text: str, kind: str, mime_type: str | None, name: str | None = None) -> MediaContent:
    try:
        data = unbase64(text)
    except ValueError as error:
        raise _invalid_file("The file could not be loaded: not base64") from error
    shown = sniff(data)
    if not data or (shown is not None and kind_of(shown) != kind):
        raise _invalid_file(f"The file could not be loaded: its bytes are {shown or 'none'}")
    return received(kind, data=data, mime_type=mime_type or shown, name=name)


def check_limits(asked: Asked) -> None:
    """What images and documents may measure, and how many images there may be.

    :raises BadRequest: one is larger, or there are more.
    """
    images = 0
    for place in places(asked.request.messages):
        kind, size = place.media.type, place.media.size or 0
        images += kind == "image"
        if size > {"image": _IMAGE_LIMIT, "document": _DOCUMENT_LIMIT}.get(kind, size):
            raise _invalid_file(f"The file could not be loaded: {kind} of {size} bytes is too large")
    if images > _IMAGES_LIMIT:
        raise _invalid_file(f"Too many images: {images}, the limit is {_IMAGES_LIMIT} for a request")
