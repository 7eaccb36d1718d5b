"""GeoJSON in the forms of two wires. Pure: nothing is read or fetched.

Forms: Anthropic "Documents" (a ``document`` with a plain text source and a title), Gemini "Document understanding"
(an ``inlineData`` part; what is no PDF is read as text).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lamella import MediaContent, UnsupportedContentError

__all__ = ["encode_geojson"]

Part = dict[str, Any]


def encode_geojson(content: MediaContent, dialect: str) -> Part | None:
    """The GeoJSON as a part of a message, ``None`` for other wires.

    :raises UnsupportedContentError: it is not here but behind a URL or a file id: no vendor reads that.
    """
    write = _DIALECTS.get(dialect)
    if write is None:
        return None
    if content.data is None:
        raise UnsupportedContentError(
            f"{dialect} takes geojson as text only, and nothing fetches {content.describe()}; "
            "read it, and use GeoJSONContent.from_bytes"
        )
    return write(content)


def _anthropic(content: MediaContent) -> Part:
    text = (content.data or b"").decode("utf-8-sig")
    block: Part = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}
    # Any MediaContent with the tag may come: what is not in the base is asked for, not taken for granted.
    title = getattr(content, "title", None) or content.name
    return block if title is None else {**block, "title": title}


def _gemini(content: MediaContent) -> Part:
    return {"inlineData": {"mimeType": "text/plain", "data": content.base64_data}}


_DIALECTS: Final[dict[str, Callable[[MediaContent], Part]]] = {
    "anthropic.messages": _anthropic,
    "gemini": _gemini,
}
