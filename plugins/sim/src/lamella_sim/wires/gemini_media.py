"""Media of Gemini requests, on both wires: which types Google takes, as bytes and by URI.

The types are those of "Image understanding", "Audio understanding", "Document understanding", "Video
understanding" and of the Interactions reference. Google looks at the declared type only.
"""

from __future__ import annotations

import re
from typing import Any, Final

from lamella.content import MediaContent
from lamella_sim.magic import kind_of
from lamella_sim.received import received
from lamella_sim.wires.gemini_fields import not_base64
from lamella_sim.wires.media import unbase64
from lamella_sim.wires.openai import built
from lamella_sim.wires.wire import BadRequest

__all__ = ["INLINE_LIMIT", "check_limits", "read_bytes", "read_uri"]

INLINE_LIMIT: Final = 100 * 1024 * 1024
"""Bytes of a request with everything in it ("File input methods"; 20 MB before January 2026)."""

_TYPES: Final = re.compile(
    r"image/(png|jpe?g|webp|heic|heif|gif|bmp|tiff)"
    r"|audio/(wav|x-wav|mp3|mpeg|mp4|aiff|aac|ogg|flac|m4a|l16|opus|alaw|mulaw|webm|pcm)"
    r"|video/(mp4|mpeg|mpg|mpegps|mov|quicktime|avi|x-flv|webm|wmv|3gpp)"
    r"|text/[a-z0-9.+-]+"
    r"|application/(pdf|json|rtf|xml|javascript|x-javascript|x-python|msword)"
    r"|application/vnd\.(openxmlformats-officedocument|oasis\.opendocument|ms-)[a-z0-9.+-]*",
    re.IGNORECASE,
)


def read_bytes(data: Any, mime_type: Any, where: str, kind: str | None = None) -> MediaContent:
    """Media from base64, standard or URL-safe, padded or not, and its type.

    :param kind: what it must be, where the wire says so beside the type.
    """
    _check_type(mime_type, where, kind)
    if not isinstance(data, str) or not data:
        raise not_base64(data, where)
    if "-" in data or "_" in data:
        data = data.translate({45: "+", 95: "/"})
    if len(data) % 4 and not data.endswith("="):
        data += "=" * (-len(data) % 4)
    try:
        raw = unbase64(data)
    except ValueError as error:
        raise not_base64(data, where) from error
    media: MediaContent = built(lambda: received(kind, data=raw, mime_type=mime_type), where)
    return media


def read_uri(uri: Any, mime_type: Any, where: str, kind: str | None = None) -> MediaContent:
    """Media from where it lies: a file of the Files API, a bucket, the web. Its type may be left out."""
    if not isinstance(uri, str) or not uri.startswith(("https://", "http://", "gs://")):
        raise BadRequest(f"Invalid or unsupported file uri: {uri!s:.200}", param=where)
    if mime_type is not None:
        _check_type(mime_type, where, kind)
    media: MediaContent = built(lambda: received(kind, url=uri, mime_type=mime_type), where)
    return media


def _check_type(mime_type: Any, where: str, kind: str | None) -> None:
    known = isinstance(mime_type, str) and _TYPES.fullmatch(mime_type.partition(";")[0].strip())
    if not known or (kind is not None and kind_of(mime_type) != kind):
        raise BadRequest(f"Unsupported MIME type: {mime_type or ''}", param=where)


def check_limits(size: int) -> None:
    """What a request may measure.

    :raises BadRequest: it is larger.
    """
    if size > INLINE_LIMIT:
        raise BadRequest(f"Request payload size exceeds the limit: {INLINE_LIMIT} bytes.")
