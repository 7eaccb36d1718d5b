"""The image formats: how they are told apart, named, and which of Pillow's readers reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

__all__ = ["EXTENSIONS", "FORMATS", "SENT_TYPES", "SYNONYMS", "Format", "shape", "sniff"]

SENT_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The formats that every vision API takes."""

EXTENSIONS: Final[Mapping[str, str]] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}

SYNONYMS: Final[Mapping[str, str]] = {
    "image/apng": "image/png",  # an animated PNG is a PNG
    "image/x-png": "image/png",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/tif": "image/tiff",
    "image/ico": "image/x-icon",
    "image/vnd.microsoft.icon": "image/x-icon",
}


@attrs.frozen
class Format:
    """A format that Pillow reads: its name there, and where the reader is."""

    name: str
    module: str
    reader: str
    written: bool = True


FORMATS: Final[Mapping[str, Format]] = {
    "image/png": Format("PNG", "PIL.PngImagePlugin", "PngImageFile"),
    "image/jpeg": Format("JPEG", "PIL.JpegImagePlugin", "JpegImageFile"),
    "image/gif": Format("GIF", "PIL.GifImagePlugin", "GifImageFile"),
    "image/webp": Format("WEBP", "PIL.WebPImagePlugin", "WebPImageFile"),
    "image/bmp": Format("BMP", "PIL.BmpImagePlugin", "BmpImageFile"),
    "image/tiff": Format("TIFF", "PIL.TiffImagePlugin", "TiffImageFile"),
    "image/avif": Format("AVIF", "PIL.AvifImagePlugin", "AvifImageFile"),
    "image/x-icon": Format("ICO", "PIL.IcoImagePlugin", "IcoImageFile", written=False),
}
"""What is ever given to Pillow. Its other readers are not reached: one of them runs ghostscript."""


def shape(width: int, height: int) -> str:
    """A size in pixels, as it is shown."""
    return f"{width}\N{MULTIPLICATION SIGN}{height}"


def sniff(data: bytes) -> str | None:
    """The MIME type that the bytes show, of images and anything else; ``None`` when they show none."""
    import filetype  # type: ignore[import-untyped]  # ships no types

    kind = filetype.guess(data) if data else None
    if kind is None and data[4:12] == b"ftypavis":
        return "image/avif"  # an animation, which filetype does not know
    return None if kind is None else SYNONYMS.get(str(kind.mime), str(kind.mime))
