"""The plugin module: names the content type and writes audio in the wires' forms."""

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
    """The content type ``audio``."""
    return [
        lamella.ContentSpec(
            id="audio",
            summary="Audio: WAV, MP3, MP4, Ogg, FLAC and more from files, URLs, bytes and base64",
            content_class="lamella_audio.content:AudioContent",
            dialects=("openai.chat", "mistral.chat", "gemini", "gemini.interactions"),
        )
    ]


@lamella.hookimpl
def lamella_encode_content(content: MediaContent, dialect: str) -> Mapping[str, Any] | None:
    """Audio in the form of the dialect, ``None`` for other content and for wires without audio.

    :raises UnsupportedContentError: the wire has audio, but not this: says what it takes.
    """
    if content.type != "audio":
        return None
    from lamella_audio.encode import encode_audio

    return encode_audio(content, dialect)
