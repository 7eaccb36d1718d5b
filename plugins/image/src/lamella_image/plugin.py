"""The plugin module: names the content type and writes images in the wires' forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import lamella

if TYPE_CHECKING:
    from lamella.content import MediaContent

__all__ = ["lamella_api", "lamella_content_types", "lamella_encode_content"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_content_types() -> Sequence[lamella.ContentSpec]:
    """The content type ``image``."""
    return [
        lamella.ContentSpec(
            id="image",
            summary="Images: PNG, JPEG, GIF and WebP from files, URLs, bytes and base64",
            content_class="lamella_image.content:ImageContent",
        )
    ]


@lamella.hookimpl
def lamella_encode_content(content: MediaContent, dialect: str) -> Mapping[str, Any] | None:
    """An image in the form of the dialect, ``None`` for other content, other wires and other formats."""
    if content.type != "image":
        return None
    from lamella_image.encode import encode_image

    return encode_image(content, dialect)
