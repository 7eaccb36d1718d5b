"""Generated media: images are of the class that the content plugin for ``image`` brings, where one is installed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from lamella.content import MediaContent

__all__ = ["join_base64", "make_image"]


def make_image(data: str, mime_type: str, opaque: Mapping[str, Any]) -> MediaContent | None:
    """The image, ``None`` where no plugin has a class for it, or the data is no base64."""
    from lamella.config import content_class

    cls = content_class("image")
    if cls is None:
        return None
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return cls(data=raw, mime_type=mime_type, opaque=opaque) if raw else None


def join_base64(pieces: list[str]) -> str:
    """Base64 texts as one; left side by side where one is no base64."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece, validate=True) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)
