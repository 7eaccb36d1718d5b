"""Images in the forms of the wires. Pure: nothing is read or fetched; bytes become base64 exactly once.

Forms: OpenAI "Images and vision" (Chat Completions ``image_url``, Responses ``input_image``), Anthropic
"Vision" (``image`` with a ``base64``, ``url`` or ``file`` source), Mistral "Vision" (``image_url``), Gemini
"Image understanding" (``inlineData`` and ``fileData`` parts; ``image`` content of the Interactions API),
Ollama "Vision" (base64 in the ``images`` of a message, nothing else).

``detail`` is ``detail`` at OpenAI and Mistral, ``mediaResolution`` of the part on ``gemini`` and ``resolution``
on ``gemini.interactions``, where ``auto`` is what leaving it out means. Anthropic and Ollama have no such
thing: it is a hint there, and not written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from lamella.content import MediaContent
from lamella_image.formats import SYNONYMS
from lamella_image.limits import check_bytes, check_type, refusal

__all__ = ["DIALECTS", "encode_image", "write_image"]

Part: TypeAlias = dict[str, Any]


def encode_image(image: MediaContent, dialect: str) -> Part | None:
    """The image as a part of a message on the dialect's wire, ``None`` where the dialect is none of these.

    :raises UnsupportedContentError: the wire does not take this format, this many bytes, this detail, a URL or
        a file id, or the file id is another provider's.
    """
    return write_image(image, dialect) if dialect in _WRITERS else None


def write_image(image: MediaContent, dialect: str) -> Part:
    """The image as a part of a message on a wire of ``DIALECTS``; otherwise like :func:`encode_image`."""
    kind = image.mime_type.partition(";")[0].strip().lower()
    kind = SYNONYMS.get(kind, kind)
    check_type(image, kind, dialect)
    check_bytes(image, dialect)
    write = _WRITERS[dialect]
    return write(image if image.mime_type == kind else attrs.evolve(image, mime_type=kind))


def _address(image: MediaContent, dialect: str) -> str:
    """The URL as it was given, or the bytes as a data URI."""
    address = image.data_uri if image.url is None else image.url
    if address is None:
        raise refusal(image, dialect, "this file id has no form there; send the bytes, or a URL")
    return address


def _file_of(image: MediaContent, provider: str, dialect: str) -> str:
    """The file id, if this provider may have issued it."""
    if image.file_id is None or image.provider not in (None, provider):
        reason = f"this file id has no form there: it is of {image.provider}; send the bytes, or a URL"
        raise refusal(image, dialect, reason)
    return image.file_id


_OPENAI_DETAILS: Final = {"low": "low", "high": "high", "auto": "auto", "original": "original"}
_MISTRAL_DETAILS: Final = {"low": "low", "high": "high", "auto": "auto"}
_GEMINI_DETAILS: Final = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH", "auto": None}
_INTERACTIONS_DETAILS: Final = {"low": "low", "high": "high", "auto": None}


def _detail(image: MediaContent, names: dict[str, Any], dialect: str) -> str | None:
    """The detail in the wire's words, ``None`` to leave it out."""
    detail: str | None = getattr(image, "detail", None)
    if detail is None:
        return None
    if detail not in names:
        taken = ", ".join(names)
        raise refusal(image, dialect, f"detail={detail!r} does not exist there, only {taken}", detail=detail)
    name: str | None = names[detail]
    return name


def _with(part: Part, key: str, value: Any) -> Part:
    return part if value is None else {**part, key: value}


def _openai_chat(image: MediaContent) -> Part:
    url = {"url": _address(image, "openai.chat")}
    detail = _detail(image, _OPENAI_DETAILS, "openai.chat")
    return {"type": "image_url", "image_url": _with(url, "detail", detail)}


def _openai_responses(image: MediaContent) -> Part:
    dialect = "openai.responses"
    part: Part = {"type": "input_image"}
    if image.file_id is None:
        part["image_url"] = _address(image, dialect)
    else:
        part["file_id"] = _file_of(image, "openai", dialect)
    return _with(part, "detail", _detail(image, _OPENAI_DETAILS, dialect))


def _anthropic_messages(image: MediaContent) -> Part:
    source: Part
    if image.data is not None:
        source = {"type": "base64", "media_type": image.mime_type, "data": image.base64_data}
    elif image.url is not None:
        source = {"type": "url", "url": image.url}
    else:
        source = {"type": "file", "file_id": _file_of(image, "anthropic", "anthropic.messages")}
    return {"type": "image", "source": source}


def _mistral_chat(image: MediaContent) -> Part:
    url = _address(image, "mistral.chat")
    detail = _detail(image, _MISTRAL_DETAILS, "mistral.chat")
    return {"type": "image_url", "image_url": url if detail is None else {"url": url, "detail": detail}}


def _gemini(image: MediaContent) -> Part:
    part: Part
    if image.data is not None:
        part = {"inlineData": {"mimeType": image.mime_type, "data": image.base64_data}}
    else:
        address = image.url or _file_of(image, "gemini", "gemini")
        part = {"fileData": {"mimeType": image.mime_type, "fileUri": address}}
    level = _detail(image, _GEMINI_DETAILS, "gemini")
    return _with(part, "mediaResolution", None if level is None else {"level": level})


def _gemini_interactions(image: MediaContent) -> Part:
    dialect = "gemini.interactions"
    part: Part = {"type": "image", "mime_type": image.mime_type}
    if image.data is not None:
        part["data"] = image.base64_data
    else:
        part["uri"] = image.url or _file_of(image, "gemini", dialect)
    return _with(part, "resolution", _detail(image, _INTERACTIONS_DETAILS, dialect))


def _ollama(image: MediaContent) -> Part:
    """What is merged into the message: this wire has no parts, and takes no URLs."""
    if image.data is None:
        raise refusal(image, "ollama", "it takes bytes only; load them yourself and use from_bytes")
    return {"images": [image.base64_data]}


_WRITERS: Final[dict[str, Callable[[MediaContent], Part]]] = {
    "openai.chat": _openai_chat,
    "openai.responses": _openai_responses,
    "anthropic.messages": _anthropic_messages,
    "mistral.chat": _mistral_chat,
    "gemini": _gemini,
    "gemini.interactions": _gemini_interactions,
    "ollama": _ollama,
}

DIALECTS: Final = tuple(_WRITERS)
"""The wires that images are written for."""
