"""Generated images: of the class that the content plugin for ``image`` brings, where one is installed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from lamella.content import MediaContent

__all__ = ["make_image"]


def make_image(data: str, format: str, opaque: Mapping[str, Any]) -> MediaContent | None:
    """The image, ``None`` where no plugin has a class for it, or the data is no base64."""
    from lamella.config import content_class

    cls = content_class("image")
    if cls is None:
        return None
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return cls(data=raw, mime_type=f"image/{format}", opaque=opaque) if raw else None
