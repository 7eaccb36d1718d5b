"""Audio in the forms of the wires. Pure: nothing is read or fetched; bytes become base64 exactly once.

Forms: OpenAI "Audio and speech" (Chat Completions ``input_audio``, bytes only), Mistral "Audio"
(``input_audio``, base64 or a URL in one string), Gemini "Audio understanding" (``inlineData`` and
``fileData`` parts; ``audio`` content of the Interactions API). OpenAI Responses, Anthropic Messages
and Ollama have no form for audio.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from lamella.content import MediaContent
from lamella.errors import UnsupportedContentError
from lamella_audio.formats import PCM_TYPES, kind_of, label, pcm_parameters
from lamella_audio.limits import limits_of

__all__ = ["SENT_TYPES", "encode_audio", "openai_chat", "refusal", "sent_kind"]

Part: TypeAlias = dict[str, Any]

_GEMINI_DOCUMENTED: Final = ("wav", "mpeg", "aiff", "aac", "ogg", "flac")

SENT_TYPES: Final[dict[str, frozenset[str]]] = {
    dialect: frozenset(f"audio/{name}" for name in names)
    for dialect, names in {
        "openai.chat": ("wav", "mpeg", "mp4"),
        # What Mistral's audio playground takes ("Voxtral transcribes at the speed of sound").
        "mistral.chat": ("wav", "mpeg", "mp4", "ogg", "flac"),
        # ai.google.dev, "Audio understanding", and beyond it what Vertex AI's page of that name lists.
        "gemini": (*_GEMINI_DOCUMENTED, "mp4", "webm", "pcm", "l16"),
        # The same, as far as the SDK's AudioContent names it.
        "gemini.interactions": (*_GEMINI_DOCUMENTED, "mp4", "webm", "l16"),
    }.items()
}
"""The types that each wire takes, in the spelling used here."""


_WITHOUT: Final = frozenset({"openai.responses", "anthropic.messages", "ollama"})
"""Wires that are known and have no audio."""


def encode_audio(audio: MediaContent, dialect: str) -> Part | None:
    """The audio as a part of a message on the dialect's wire, ``None`` where the wire is not known.

    :raises UnsupportedContentError: the wire has no audio, or not of this type, size or source.
    """
    if dialect in _WITHOUT:
        sent_kind(audio, dialect)  # which says what to do instead
    write = _DIALECTS.get(dialect)
    return None if write is None else write(audio, sent_kind(audio, dialect))


def sent_kind(audio: MediaContent, dialect: str) -> str:
    """The audio's type, in the spelling used here, if the wire takes it in this type and size.

    :raises UnsupportedContentError: it does not.
    """
    kind, limit = kind_of(audio.mime_type), limits_of(dialect)
    if dialect not in SENT_TYPES:
        raise refusal(audio, dialect, f"audio has no form on {dialect}; send what is said in it as text")
    if kind not in SENT_TYPES[dialect]:
        raise refusal(audio, dialect, _wrong_type(kind, dialect))
    if limit.bytes is not None and audio.size is not None and audio.size > limit.bytes:
        raise refusal(audio, dialect, limit.too_large(audio.size))
    return kind


def refusal(audio: MediaContent, dialect: str, reason: str) -> UnsupportedContentError:
    """The error that says what is wrong with this content on this wire."""
    return UnsupportedContentError(
        f"{audio.name or 'audio'}: {reason}",
        context={"content": audio.type, "mime_type": audio.mime_type, "dialect": dialect},
    )


def _wrong_type(kind: str, dialect: str) -> str:
    taken = sorted(label(each) for each in SENT_TYPES[dialect])
    if kind == "audio/pcm" and "l16" in taken:
        advice = "say it as audio/L16;rate=…, or convert it with audio.converted('audio/wav')"
    elif kind in ("audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/aiff", *PCM_TYPES):
        advice = "convert it with audio.converted('audio/mpeg')"
    else:
        advice = "convert it to one of them"
    return f"{kind} is not taken on {dialect}; it takes {', '.join(taken)}: {advice}"


def openai_chat(audio: MediaContent, kind: str) -> Part:
    """The part of a Chat Completions message; bytes only."""
    if audio.data is None:
        what = "audio by URL" if audio.url is not None else "a file id of audio"
        how = "fetch it first (the plugin lamella-fetch does), or give" if audio.url is not None else "give"
        raise refusal(
            audio,
            "openai.chat",
            f"{what} has no form on openai.chat, which takes bytes only: {how} the file itself with "
            "AudioContent.from_file",
        )
    held = {"data": audio.base64_data, "format": label(kind)}
    return {"type": "input_audio", "input_audio": held}


def _mistral_chat(audio: MediaContent, kind: str) -> Part:
    held = audio.base64_data if audio.url is None else audio.url
    if held is None:
        raise refusal(
            audio,
            "mistral.chat",
            "a file id of audio has no form on mistral.chat: give the file's signed URL with AudioContent.from_url",
        )
    return {"type": "input_audio", "input_audio": held}


def _gemini_address(audio: MediaContent, dialect: str) -> str:
    if audio.url is not None:
        return audio.url
    if audio.file_id is not None and audio.provider in (None, "gemini"):
        return audio.file_id
    raise refusal(
        audio,
        dialect,
        f"this file id is {audio.provider}'s; upload the file to Gemini, or give the file itself",
    )


def _gemini(audio: MediaContent, kind: str) -> Part:
    # The parameters say how bare samples are to be read; elsewhere they are a browser's note on codecs.
    mime_type = audio.mime_type if kind in PCM_TYPES else kind
    if audio.data is not None:
        return {"inlineData": {"mimeType": mime_type, "data": audio.base64_data}}
    return {"fileData": {"mimeType": mime_type, "fileUri": _gemini_address(audio, "gemini")}}


def _gemini_interactions(audio: MediaContent, kind: str) -> Part:
    # This wire spells MP4 its own way, and has fields for what PCM's type says in parameters.
    part: Part = {"type": "audio", "mime_type": "audio/m4a" if kind == "audio/mp4" else kind}
    if kind in PCM_TYPES and (said := pcm_parameters(audio.mime_type)) is not None:
        part["sample_rate"], part["channels"] = said
    if audio.data is not None:
        part["data"] = audio.base64_data
    else:
        part["uri"] = _gemini_address(audio, "gemini.interactions")
    return part


_DIALECTS: Final[dict[str, Callable[[MediaContent, str], Part]]] = {
    "openai.chat": openai_chat,
    "mistral.chat": _mistral_chat,
    "gemini": _gemini,
    "gemini.interactions": _gemini_interactions,
}
