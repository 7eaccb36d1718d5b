"""The image plugin, held to the conformance kit."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from lamella.content import MediaContent
from lamella_image import ImageContent
from lamella_testing import ContentConformance


def picture(form: str) -> bytes:
    """A small picture in a format of Pillow's."""
    written = io.BytesIO()
    image = Image.effect_noise((24, 16), 64).convert("RGB")
    image.save(written, form)
    return written.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has this size, and has next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(64)))
        + chunk(b"IEND", b"")
    )


PNG, JPEG, GIF, WEBP = (picture(form) for form in ("PNG", "JPEG", "GIF", "WEBP"))


class TestImage(ContentConformance):
    plugin = "image"
    files = {
        "a.png": (PNG, "image/png"),
        "a.jpg": (JPEG, "image/jpeg"),
        "a.jpeg": (JPEG, "image/jpeg"),
        "a.gif": (GIF, "image/gif"),
        "a.webp": (WEBP, "image/webp"),
    }
    bad_files = {
        "cut.png": PNG[: len(PNG) // 2],
        "cut.jpg": JPEG[: len(JPEG) // 2],
        "cut.gif": GIF[: len(GIF) // 2],
        "cut.webp": WEBP[: len(WEBP) // 2],
        "text.png": b"this is no picture, whatever its name says",
        "bomb.png": png_of(60_000, 60_000),
        "huge.png": png_of(2**31 - 1, 2**31 - 1),
        "nothing.png": png_of(0, 0),
    }

    def samples(self) -> list[MediaContent]:
        return [
            ImageContent.from_bytes(PNG),
            ImageContent.from_bytes(JPEG, name="a.jpg", alt="noise", meta={"from": "Pillow"}),
            ImageContent.from_base64(ImageContent.from_bytes(WEBP).base64_data or ""),
            ImageContent.from_url("https://example.com/a.png", "image/png"),
            ImageContent.from_file_id("file-1", "openai", "image/png"),
            ImageContent.from_file_id("file-2", "anthropic", "image/png"),
        ]
