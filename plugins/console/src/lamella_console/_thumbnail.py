"""Small pictures for a terminal, drawn anew from untrusted bytes with Pillow, where it is installed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = ["Thumbnail", "thumbnail"]

_MOST_BYTES: Final = 32_000_000
_MOST_PIXELS: Final = 50_000_000
_SIDE: Final = 800


@attrs.frozen(kw_only=True, repr=False)
class Thumbnail:
    """A PNG of at most 800 by 800 pixels."""

    png: bytes
    width: int
    height: int


def thumbnail(data: bytes) -> Thumbnail | None:
    """The image (PNG, JPEG, GIF, WebP) as a small PNG.

    ``None`` when it is larger than 32 MB or 50 megapixels, cannot be read, or Pillow is not installed.
    """
    if len(data) > _MOST_BYTES:
        return None
    try:
        image = _open(data)
        return None if image is None else _small(image)
    except Exception:  # bytes of a stranger: Pillow's decoders raise whatever, and the picture is an extra
        return None


def _open(data: bytes) -> ImageFile | None:
    """The image, its pixels not read yet; without ``Image.open``, which warns of sizes that are checked here."""
    from PIL.GifImagePlugin import GifImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    file = io.BytesIO(data)
    image: ImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        image = PngImageFile(file)
    elif data.startswith(b"\xff\xd8\xff"):
        image = JpegImageFile(file)
    elif data.startswith(b"GIF8"):
        image = GifImageFile(file)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        image = WebPImageFile(file)
    else:
        return None
    return image if 0 < image.width * image.height <= _MOST_PIXELS else None


def _small(image: ImageFile) -> Thumbnail:
    from PIL.ImageOps import exif_transpose

    image.draft("RGB", (_SIDE, _SIDE))
    image.thumbnail((_SIDE, _SIDE))
    drawn: Image = exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return Thumbnail(png=out.getvalue(), width=drawn.width, height=drawn.height)
