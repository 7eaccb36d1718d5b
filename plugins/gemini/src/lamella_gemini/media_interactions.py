"""Media that a model made: of the classes that content plugins bring, where they are installed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from lamella.content import MediaContent
from lamella.providers import Wire

__all__ = ["HELD", "joined_audio", "make_media"]

HELD: Final = ("data", "uri", "mime_type")
"""The fields of a part that a block of media holds."""

_VENDOR_HOST: Final = "googleapis.com"


def make_media(part: Mapping[str, Wire], issuer: str, opaque: Mapping[str, Any]) -> MediaContent | None:
    """The media of a part, ``None`` where no plugin has a class for it, or the part has no proper source."""
    from lamella.config import content_class

    cls = content_class(str(part.get("type")))
    source = _source(part, issuer)
    if cls is None or not source or ("data" in source and part.get("uri")):
        return None
    mime = part.get("mime_type")
    if isinstance(mime, str) and mime:
        source["mime_type"] = mime
    return cls(**source, opaque=opaque)


def _source(part: Mapping[str, Wire], issuer: str) -> dict[str, Any]:
    data, uri = part.get("data"), part.get("uri")
    if isinstance(data, str) and data:
        raw = _decoded(data)
        # What is not written as we would write it could not go back as it came.
        return {"data": raw} if raw and base64.b64encode(raw).decode() == data else {}
    if not isinstance(uri, str) or not uri:
        return {}
    return {"url": uri} if _is_public(uri) else {"file_id": uri, "provider": issuer}


def _is_public(uri: str) -> bool:
    """Whether others can fetch it: what is on the vendor's hosts or in its storage needs the caller's key."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and not f".{host}".endswith(f".{_VENDOR_HOST}")


def _decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def joined_audio(parts: Sequence[dict[str, Wire]]) -> list[dict[str, Wire]]:
    """The parts with neighbouring pieces of one audio joined: a stream sends sound piece by piece."""
    joined: list[dict[str, Wire]] = []
    pieces: list[bytes] = []
    for part in parts:
        raw = (
            _decoded(part["data"])
            if part.get("type") == "audio" and isinstance(part.get("data"), str)
            else None
        )
        if raw is not None and pieces and _facts(joined[-1]) == _facts(part):
            pieces.append(raw)
            continue
        _write(joined, pieces)
        pieces = [] if raw is None else [raw]
        joined.append(part)
    _write(joined, pieces)
    return joined


def _facts(part: Mapping[str, Wire]) -> dict[str, Wire]:
    return {key: value for key, value in part.items() if key != "data"}


def _write(joined: list[dict[str, Wire]], pieces: Sequence[bytes]) -> None:
    if len(pieces) > 1:
        joined[-1] = {**joined[-1], "data": base64.b64encode(b"".join(pieces)).decode()}
