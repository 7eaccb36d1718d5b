"""What a wire takes: whether content by URL has to be fetched for it."""

from __future__ import annotations

import attrs

from lamella.content import MediaContent
from lamella.content.mime import UNKNOWN
from lamella.errors import UnsupportedContentError

__all__ = ["as_bytes", "needed_as"]

_BYTE = b"0"


def needed_as(content: MediaContent, dialect: str) -> str | None:
    """The type as which the wire takes the content's bytes, where it does not take its http(s) URL, else ``None``.

    Asks the plugins, fetches nothing. Content of a type that nobody declared (the default of its class) may turn
    out to be of any type that its class knows.
    """
    if content.url is None or content.url[:8].lower().partition("://")[0] not in ("http", "https"):
        return None
    if _takes(content, dialect):
        return None
    kinds = [content.mime_type]
    if content.mime_type in (content.default_mime_type, UNKNOWN):
        kinds += dict.fromkeys(content.extensions.values())
    return next((kind for kind in kinds if _takes(as_bytes(content, kind), dialect)), None)


def as_bytes(content: MediaContent, mime_type: str | None = None) -> MediaContent:
    """The content with a byte instead of what it is, to ask with; never sent."""
    return attrs.evolve(content, data=_BYTE, url=None, mime_type=mime_type or content.mime_type)


def _takes(content: MediaContent, dialect: str) -> bool:
    from lamella.config import current_project

    try:
        return current_project().host.hooks.encode_content(content, dialect) is not None
    except UnsupportedContentError:
        return False
