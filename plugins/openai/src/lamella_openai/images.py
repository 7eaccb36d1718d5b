"""Generated images: of the class that the content plugin for ``image`` brings, where one is installed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from lamella.content import MediaContent
from lamella.errors import LamellaError

__all__ = ["make_image"]


def make_image(data: str, format: str, opaque: Mapping[str, Any]) -> MediaContent | None:
    """The image, ``None`` where no plugin has a class for it, or the data is no base64."""
    cls = _image_class()
    if cls is None:
        return None
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return cls(data=raw, mime_type=f"image/{format}", opaque=opaque) if raw else None


def _image_class() -> type[MediaContent] | None:
    from lamella.config import current_project
    from lamella.plugins import resolve_import_string

    try:
        found = current_project().host.content("image").content_class
        return resolve_import_string(found) if isinstance(found, str) else found
    except LamellaError:
        return None  # not installed or switched off: the image stays opaque
