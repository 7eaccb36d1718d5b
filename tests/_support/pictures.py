"""Pictures made by Pillow for the tests of the image plugin."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

KINDS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "ICO": "image/x-icon",
}


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A picture that does not compress."""
    return Image.effect_noise(size, 90).convert(mode)


def picture(kind: str, size: tuple[int, int] = (2, 2), mode: str = "RGB", **options: Any) -> bytes:
    """A red picture as a file."""
    return saved(Image.new("RGB", size, "red").convert(mode), kind, **options)


def frames(kind: str, count: int, size: tuple[int, int] = (8, 8)) -> bytes:
    """An animation."""
    colours = [Image.new("RGB", size, ((40 * n) % 256, n % 256, 90)) for n in range(count)]
    return saved(colours[0], kind, save_all=True, append_images=colours[1:])
