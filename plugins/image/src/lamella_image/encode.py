"""Images in the forms of the wires. Pure: nothing is read or fetched; bytes become base64 exactly once.

Forms: OpenAI "Images and vision" (Chat Completions ``image_url``, Responses ``input_image``), Anthropic
"Vision" (``image`` with a ``base64``, ``url`` or ``file`` source), Mistral "Vision" (``image_url``), Gemini
"Image understanding" (``inlineData`` and ``fileData`` parts; ``image`` content of the Interactions API),
Ollama "Vision" (base64 in the ``images`` of a message, nothing else).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from lamella.content import MediaContent

__all__ = ["SENT_TYPES", "encode_image"]

SENT_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The formats that every vision API takes."""

Part: TypeAlias = dict[str, Any]


def encode_image(image: MediaContent, dialect: str) -> Part | None:
    """The image as a part of a message on the dialect's wire, ``None`` where it has no form there.

    It has none when the dialect is unknown, the MIME type is not in ``SENT_TYPES``, or the file id
    belongs to another provider.
    """
    write = _DIALECTS.get(dialect)
    if write is None or image.mime_type not in SENT_TYPES:
        return None
    return write(image)


def _address(image: MediaContent) -> str | None:
    """The URL as it was given, or the bytes as a data URI."""
    return image.data_uri if image.url is None else image.url


def _file_of(image: MediaContent, provider: str) -> str | None:
    """The file id, if this provider may have issued it."""
    return image.file_id if image.provider in (None, provider) else None


def _openai_chat(image: MediaContent) -> Part | None:
    address = _address(image)
    return None if address is None else {"type": "image_url", "image_url": {"url": address}}


def _openai_responses(image: MediaContent) -> Part | None:
    if (address := _address(image)) is not None:
        return {"type": "input_image", "image_url": address}
    file_id = _file_of(image, "openai")
    return None if file_id is None else {"type": "input_image", "file_id": file_id}


def _anthropic_messages(image: MediaContent) -> Part | None:
    source: Part
    if image.data is not None:
        source = {"type": "base64", "media_type": image.mime_type, "data": image.base64_data}
    elif image.url is not None:
        source = {"type": "url", "url": image.url}
    elif (file_id := _file_of(image, "anthropic")) is not None:
        source = {"type": "file", "file_id": file_id}
    else:
        return None
    return {"type": "image", "source": source}


def _mistral_chat(image: MediaContent) -> Part | None:
    address = _address(image)
    return None if address is None else {"type": "image_url", "image_url": address}


def _gemini(image: MediaContent) -> Part | None:
    if image.data is not None:
        return {"inlineData": {"mimeType": image.mime_type, "data": image.base64_data}}
    address = image.url or _file_of(image, "gemini")
    return None if address is None else {"fileData": {"mimeType": image.mime_type, "fileUri": address}}


def _gemini_interactions(image: MediaContent) -> Part | None:
    if image.data is not None:
        return {"type": "image", "mime_type": image.mime_type, "data": image.base64_data}
    address = image.url or _file_of(image, "gemini")
    return None if address is None else {"type": "image", "mime_type": image.mime_type, "uri": address}


def _ollama(image: MediaContent) -> Part | None:
    """What is merged into the message: this wire has no parts, and takes no URLs."""
    return None if image.data is None else {"images": [image.base64_data]}


_DIALECTS: Final[dict[str, Callable[[MediaContent], Part | None]]] = {
    "openai.chat": _openai_chat,
    "openai.responses": _openai_responses,
    "anthropic.messages": _anthropic_messages,
    "mistral.chat": _mistral_chat,
    "gemini": _gemini,
    "gemini.interactions": _gemini_interactions,
    "ollama": _ollama,
}
