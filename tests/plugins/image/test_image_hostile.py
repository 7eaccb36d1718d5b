"""Damaged and hostile files: only typed errors, in bounded time and memory."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pictures import KINDS, frames, noise, picture, saved
from PIL import Image

from lamella.errors import AgentInputError, LamellaError
from lamella_image import ImageContent
from lamella_image.decode import MAX_READ_BYTES
from lamella_image.structure import MAX_FRAMES

SAMPLES = {
    **{kind: saved(noise((24, 16)), kind) for kind in KINDS},
    "GIF animated": frames("GIF", 4),
    "PNG animated": frames("PNG", 3),
    "WEBP animated": frames("WEBP", 3),
    "TIFF pages": frames("TIFF", 3),
    "TIFF deflate": saved(noise((24, 16)), "TIFF", compression="tiff_deflate"),
    "JPEG progressive": saved(noise((24, 16)), "JPEG", progressive=True),
    "PNG palette": saved(noise((24, 16)).convert("P"), "PNG"),
}


def use(data: bytes) -> None:
    """Whatever an image of these bytes can be asked; only ``LamellaError`` may come out."""
    for mime_type in (None, "image/png"):
        try:
            image = ImageContent.from_bytes(data, mime_type)
        except AgentInputError:
            continue
        assert image.facts()
        for ask in (image.probe, partial(image.downscaled, max_side=5), image.converted):
            with suppress(LamellaError):
                ask()


def mutated(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        place = (
            random.randrange(len(changed))
            if random.random() < 0.5
            else random.randrange(min(64, len(changed)))
        )
        match random.randrange(4):
            case 0:
                changed[place] ^= 1 << random.randrange(8)
            case 1:
                changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                changed[place : place + 4] = random.choice((b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"))
            case _:
                piece = changed[place : place + random.randrange(1, 40)]
                changed[random.randrange(len(changed)) : 0] = piece
    return bytes(changed)


@pytest.mark.parametrize("kind", SAMPLES)
def test_truncated_files_give_typed_errors(kind: str) -> None:
    data = SAMPLES[kind]
    for end in {*range(1, min(len(data), 40)), *range(40, len(data), max(1, len(data) // 20))}:
        use(data[:end])


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # as they are for users; as errors they are typed
def test_mutated_files_give_typed_errors(kind: str) -> None:
    random = Random(kind)  # the same files on every run
    for _ in range(60):
        use(mutated(SAMPLES[kind], random))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(SAMPLES)), st.binary(max_size=200), st.integers(0, 600))
@example("ICO", b"", 6)
def test_spliced_files_give_typed_errors(kind: str, piece: bytes, place: int) -> None:
    data = SAMPLES[kind]
    use(data[:place] + piece + data[place + len(piece) :])
    use(piece or b"?")


# -- what a few bytes can claim -------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def tiff(tags: list[tuple[int, int, int, int]], rest: bytes = b"", then: int = 0) -> bytes:
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + body + struct.pack("<I", then) + rest


GIF, JPEG, PNG = picture("GIF"), picture("JPEG"), picture("PNG")
FRAME = b",\0\0\0\0\1\0\1\0\0\2\1\0\0"
ROW = [(256, 3, 1, 10), (257, 3, 1, 10), (258, 3, 1, 8), (262, 3, 1, 1)]

BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a PNG of 10 gigapixels": (lambda: png_claiming(100_000, 100_000), "decompression bomb"),
    "a PNG without pixels": (lambda: png_claiming(0, 10), "has no pixels|is damaged"),
    "a GIF of 4 gigapixels": (
        lambda: b"GIF89a" + b"\xff" * 4 + b"\0\0\0,\0\0\0\0" + b"\xff" * 4 + b"\0\2\1\0\0;",
        "decompression bomb",
    ),
    "a WebP canvas": (
        lambda: b"RIFF\0\4\0\0WEBPVP8X\n\0\0\0\x12\0\0\0\xff\x3f\0\xff\x3f\0" + bytes(999),
        "decompression bomb",
    ),
    "a lossless WebP": (
        lambda: b"RIFF\0\4\0\0WEBPVP8L\xff\xff\0\0\x2f\xff\xff\xff\x0f" + bytes(999),
        "decompression bomb",
    ),
    "a lossy WebP": (
        lambda: b"RIFF\0\4\0\0WEBPVP8 \xff\xff\0\0\x10\x02\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(999),
        "decompression bomb",
    ),
    "a BMP of 4 gigapixels": (
        lambda: b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
        "decompression bomb",
    ),
    "a GIF of many frames": (lambda: GIF[:-1] + FRAME * (MAX_FRAMES + 1) + b";", "frames"),
    "a GIF of tiny blocks": (lambda: GIF[:-1] + b"!\xff" + b"\1x" * 1_100_000 + b"\0;", "blocks"),
    "a GIF of comments": (lambda: GIF[:-1] + b"!\xfe" + (b"\xff" * 256) * 5000 + b"\0;", "comments"),
    "a JPEG of scans": (lambda: JPEG[:-2] + JPEG[JPEG.rindex(b"\xff\xda") : -2] * 200 + JPEG[-2:], "scans"),
    "a JPEG of padding": (lambda: JPEG[:2] + b"\xff" * 1_000_000 + JPEG[2:], "junk"),
    "a JPEG of segments": (lambda: JPEG[:2] + b"\xff\xe5\0\2" * 20_000 + JPEG[2:], "segments"),
    "a JPEG of EXIF": (lambda: JPEG[:2] + b"\xff\xe1\0\x0aExif\0\0xx" * 40 + JPEG[2:], "EXIF"),
    "a PNG of chunks": (lambda: PNG[:33] + chunk(b"abCd", b"") * 60_000 + PNG[33:], "chunks"),
    "a PNG of text": (
        lambda: PNG[:33] + chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000))) + PNG[33:],
        "is damaged",
    ),
    "a TIFF of strips": (lambda: tiff([*ROW, (273, 4, 10_000_000, 200)], bytes(4000)), "numbers"),
    "a TIFF of pages": (
        lambda: b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HI", 0, 14 + 6 * n) for n in range(11_000)),
        "pages",
    ),
    "an icon of icons": (lambda: b"\0\0\1\0\xff\xff" + bytes(2000), "icons"),
    "a large icon": (
        lambda: b"\0\0\1\0\1\0" + bytes(8) + struct.pack("<II", 99, 22) + png_claiming(9000, 9000),
        "an icon of 9000",
    ),
}


MANY_STEPS = ("a GIF of tiny blocks",)
"""These take tracemalloc seconds; they hold integers only."""


def attempt(ask: Callable[[], object]) -> None:
    with pytest.raises(AgentInputError):
        ask()


def peak(work: Callable[[], object]) -> int:
    """The most memory that Python held for it, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_with_little_memory(name: str) -> None:
    make, reason = BOMBS[name]
    image = ImageContent.from_bytes(make(), name="x")
    assert len(image.facts()) == 3  # no size in pixels
    for ask in (image.probe, lambda: image.downscaled(max_side=1), lambda: image.converted("image/webp")):
        with pytest.raises(AgentInputError, match=rf"^x: .*({reason})"):
            ask()
    if name not in MANY_STEPS:
        assert peak(lambda: attempt(image.probe)) < 8_000_000


def test_pillows_own_bound_of_pixels_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = ImageContent.from_bytes(picture("PNG", (20, 20)), name="a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 399)
    with pytest.raises(AgentInputError, match=r"a\.png: claims 20.20 pixels.*MAX_IMAGE_PIXELS"):
        image.probe()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert image.probe().width == 20


def test_huge_files_are_not_read() -> None:
    image = ImageContent.from_bytes(PNG + bytes(MAX_READ_BYTES), name="a.png")
    with pytest.raises(AgentInputError, match=r"a\.png: has 100,000,\d+ bytes"):
        image.probe()
    assert image.facts() == ["a.png", "image/png", "100.0 MB"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "GIF"])
def test_a_cut_file_is_said_to_be_cut(kind: str) -> None:
    data = saved(noise((64, 64)), kind)
    image = ImageContent.from_bytes(data[: len(data) // 2], name="half")
    with pytest.raises(AgentInputError, match=r"^half: is (truncated|damaged)") as caught:
        image.probe()
    assert "half" not in repr(caught.value.context)


def test_exotic_readers_are_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """An EPS named as a PNG would run ghostscript through ``Image.open``."""

    def run(*_: Any, **__: Any) -> None:
        raise AssertionError("Image.open was called")

    monkeypatch.setattr(Image, "open", run)
    for data in (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"P6 1 1 255\nabc",
        b"SIMPLE  =     T",
    ):
        image = ImageContent(data=data, mime_type="image/png", name="a.png")
        for ask in (image.probe, image.converted, lambda image=image: image.downscaled(max_side=1)):
            with pytest.raises(AgentInputError, match="cannot be read as an image"):
                ask()
    assert ImageContent.from_bytes(PNG).probe().format == "PNG"


def test_no_memory_and_no_recursion_leave_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import PngImagePlugin

    image = ImageContent.from_bytes(PNG, name="a.png")
    for error, reason in (
        (MemoryError(), "memory"),
        (RecursionError("deep"), "damaged"),
        (KeyError(1), "damaged"),
    ):

        def fail(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "verify", fail)
        with pytest.raises(AgentInputError, match=f"a.png: .*{reason}") as caught:
            image.probe()
        assert caught.value.cause is error
