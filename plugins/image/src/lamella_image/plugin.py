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
            dialects=(
                "openai.chat",
                "openai.responses",
                "anthropic.messages",
                "mistral.chat",
                "gemini",
                "gemini.interactions",
                "ollama",
            ),
        )
    ]


@lamella.hookimpl
def lamella_encode_content(content: MediaContent, dialect: str) -> Mapping[str, Any] | None:
    """An image in the form of the dialect, ``None`` for other content and other wires.

    :raises UnsupportedContentError: with the reason, where the wire does not take this image.
    """
    if content.type != "image":
        return None
    from lamella_image.encode import encode_image

    return encode_image(content, dialect)
