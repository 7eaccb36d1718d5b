"""What bytes show by their first few: the types that the vendors look for, and no more."""

from __future__ import annotations

from typing import Final

__all__ = ["agrees", "canonical", "kind_of", "pixels", "sniff"]

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS: Final = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
_SYNONYMS: Final = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    # One container: whether it holds pictures too is not in its first bytes.
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "video/mp4": "audio/mp4",
}


def sniff(data: bytes) -> str | None:
    """The MIME type that the bytes show, ``None`` when they show none that is known here."""
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "audio/mp4")
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def canonical(mime_type: str) -> str:
    """A MIME type in its usual spelling, without parameters."""
    kind = mime_type.partition(";")[0].strip().lower()
    return _SYNONYMS.get(kind, kind)


def agrees(data: bytes, mime_type: str) -> bool:
    """Whether the bytes show this type, or none that is known here."""
    shown = sniff(data)
    return shown is None or canonical(shown) == canonical(mime_type)


def kind_of(mime_type: str) -> str:
    """``image``, ``audio``, ``video``, or ``document`` for all the rest."""
    family = mime_type.partition("/")[0].lower()
    return family if family in ("image", "audio", "video") else "document"


def pixels(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or GIF as its header says, ``None`` for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if data[:4] == b"GIF8" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    return None
