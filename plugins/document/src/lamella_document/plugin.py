"""The plugin module: names the content type and writes documents in the wires' forms."""

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
    """The content type ``document``."""
    return [
        lamella.ContentSpec(
            id="document",
            summary="Documents: PDF, Office, OpenDocument, EPUB and text from files, URLs, bytes and base64",
            content_class="lamella_document.content:DocumentContent",
            dialects=(
                "openai.chat",
                "openai.responses",
                "anthropic.messages",
                "mistral.chat",
                "gemini",
                "gemini.interactions",
            ),
        )
    ]


@lamella.hookimpl
def lamella_encode_content(content: MediaContent, dialect: str) -> Mapping[str, Any] | None:
    """A document in the form of the dialect, ``None`` for other content and unknown wires.

    :raises UnsupportedContentError: the wire has no form for this document; says why, and what to do.
    """
    if content.type != "document":
        return None
    from lamella_document.encode import encode_document

    return encode_document(content, dialect)
