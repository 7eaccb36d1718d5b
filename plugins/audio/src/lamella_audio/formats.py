"""The formats of audio: what their files are called, how their types are spelled, what their bytes show."""

from __future__ import annotations

import re
from typing import Final

from lamella.content.mime import canonical, essence
from lamella_audio.mpeg import after_tags, has_frames

__all__ = ["EXTENSIONS", "PCM_TYPES", "SYNONYMS", "kind_of", "label", "pcm_parameters", "sniff", "suffix_of"]

EXTENSIONS: Final = {
    ".wav": "audio/wav",
    ".wave": "audio/wav",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",  # Opus in Ogg, RFC 7845
    ".flac": "audio/flac",
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".aifc": "audio/aiff",
    ".webm": "audio/webm",
    ".weba": "audio/webm",
    ".pcm": "audio/pcm",
}
"""File extensions and their types."""

SYNONYMS: Final = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-pn-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/mpga": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-mpeg-3": "audio/mpeg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/m4b": "audio/mp4",
    "audio/x-m4b": "audio/mp4",
    "audio/mp4a-latm": "audio/mp4",
    "audio/opus": "audio/ogg",
    "audio/x-opus": "audio/ogg",
    "audio/x-opus+ogg": "audio/ogg",
    "audio/x-ogg": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/x-vorbis": "audio/ogg",
    "audio/x-vorbis+ogg": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/x-flac": "audio/flac",
    "audio/aacp": "audio/aac",
    "audio/x-aac": "audio/aac",
    "audio/x-hx-aac-adts": "audio/aac",
    "audio/x-aiff": "audio/aiff",
    "audio/aifc": "audio/aiff",
    "audio/x-aifc": "audio/aiff",
    "audio/x-pcm": "audio/pcm",
}
"""Other spellings of types, and the one used here."""

PCM_TYPES: Final = ("audio/pcm", "audio/l16")
"""Bare samples without a header: nothing in the bytes shows what they are, so these types are only declared."""

_VIDEO_IN_MP4: Final = re.compile(rb"hdlr.{8}vide", re.DOTALL)  # the handler of a video track
_VIDEO_IN_WEBM: Final = re.compile(rb"\x86[\x81-\xbf]V_")  # a CodecID such as V_VP9
_WEBM_HEAD: Final = 1 << 20  # tracks stand before the sound


def kind_of(mime_type: str) -> str:
    """The type without parameters, in the spelling used here."""
    return canonical(essence(mime_type), SYNONYMS)


def label(kind: str) -> str:
    """A type in a word: ``mp3``, ``wav``."""
    return "mp3" if kind == "audio/mpeg" else kind.partition("/")[2]


def suffix_of(kind: str) -> str:
    """The usual file extension of a type, with its dot."""
    return next((suffix for suffix, each in EXTENSIONS.items() if each == kind), "")


def sniff(data: bytes) -> str | None:
    """The type that the bytes show, ``None`` when they show none.

    ``filetype`` says most of it. A second look finds what it misses (MP3 without a tag in all its
    variants, RF64, AIFF-C), what stands behind an ID3 tag, and whether an MP4, WebM or Ogg file is a
    film: one without a video track is ``audio/mp4``, ``audio/webm``, ``audio/ogg``.
    """
    import filetype  # type: ignore[import-untyped]  # ships no types

    kind = filetype.guess_mime(data)
    if kind is None or data[:3] == b"ID3":
        return _second_look(data) or kind
    if kind == "video/mp4" and not _VIDEO_IN_MP4.search(data):
        return "audio/mp4"
    if kind == "video/webm" and not _VIDEO_IN_WEBM.search(data, 0, _WEBM_HEAD):
        return "audio/webm"
    if kind == "audio/ogg" and b"\x80theora" in data[:512]:
        return "video/ogg"
    return str(canonical(kind, SYNONYMS))


def _second_look(data: bytes) -> str | None:
    if data[:4] == b"RF64" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data[:4] == b"FORM" and data[8:12] == b"AIFC":
        return "audio/aiff"
    place = after_tags(data)
    if place and data.startswith(b"fLaC", place):
        return "audio/flac"
    if place and data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] in (b"\xf1", b"\xf9"):
        return "audio/aac"
    return "audio/mpeg" if has_frames(data, place) else None


def pcm_parameters(mime_type: str) -> tuple[int, int] | None:
    """Sample rate and channels of ``audio/L16;rate=24000;channels=1``, ``None`` when no usable rate is said."""
    found = {}
    for parameter in mime_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        digits = value.strip().strip('"')
        if digits.isascii() and digits.isdigit() and len(digits) < 9:
            found[name.strip().lower()] = int(digits)
    rate, channels = found.get("rate", 0), found.get("channels", 1)
    return (rate, channels) if rate and channels else None
