"""Walks through a file's own structure, before Pillow sees it: what would cost too much is refused here.

Pillow bounds the pixels of an image. It does not bound what a few bytes of a file can make it do otherwise:
thousands of scans of a JPEG, millions of chunks, frames, strips or comments. A walk looks at lengths and
counts only; it holds nothing, and takes time by the size of the file at most.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from lamella_image.formats import shape

__all__ = ["MAX_FRAMES", "Trap", "check_size", "walk"]

MAX_FRAMES: Final = 10_000
_MAX_SEGMENTS: Final = 10_000  # of a JPEG, before its first scan
_MAX_JUNK: Final = 1 << 16  # bytes between them
_MAX_SCANS: Final = 32  # a progressive JPEG has about ten, and each costs a pass over the whole image
_MAX_EXIF: Final = 32  # segments, which are joined one by one
_MAX_CHUNKS: Final = 50_000  # of a PNG
_MAX_BLOCKS: Final = 1_000_000  # of a GIF, of up to 255 bytes each
_MAX_COMMENTS: Final = 1 << 20  # bytes, of a GIF
_MAX_COUNT: Final = 200_000  # numbers in a tag of a TIFF: the strips of an image, which are listed in memory
_MAX_ICONS: Final = 100
_MAX_ICON_SIDE: Final = 1024  # 256 by the format


class Trap(Exception):
    """A file that is not read on; the text says why, behind the image's name."""


def check_size(width: int, height: int) -> None:
    """Refuse no pixels, and more than Pillow's own bound.

    :raises Trap: there are.
    """
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    if width < 1 or height < 1:
        raise Trap(f"has no pixels ({shape(width, height)})")
    if most is not None and width * height > most:
        raise Trap(
            f"claims {shape(width, height)} pixels, which may be a decompression bomb; more than {most:,} are not "
            "decoded: raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        )


def walk(kind: str, data: bytes) -> int | None:
    """The frames or pages where Pillow's own counting has no bound, else ``None``.

    :raises Trap: the file is cut, or would cost too much to read.
    """
    walker = _WALKERS.get(kind)
    try:
        return None if walker is None else walker(data)
    except (IndexError, struct.error):
        raise Trap("is truncated: the file ends in the middle") from None


def _jpeg(data: bytes) -> None:
    place, junk, segments, exif = 2, 0, 0, 0
    while (start := data.find(b"\xff", place)) >= 0:
        marker = data[start + 1]
        junk += start - place + (marker in (0x00, 0xFF))
        segments += 1
        if junk > _MAX_JUNK or segments > _MAX_SEGMENTS or exif > _MAX_EXIF:
            raise Trap(
                f"is damaged: more than {_MAX_SEGMENTS:,} segments, {_MAX_EXIF} of them EXIF, or junk between them"
            )
        if marker == 0xDA:
            break
        if marker == 0xE1 and data[start + 4 : start + 8] == b"Exif":
            exif += 1
        bare = marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9
        place = start + (1 if marker == 0xFF else 2)
        place += 0 if bare else struct.unpack_from(">H", data, place)[0]
    # 0xFF is escaped in the picture itself, so that this finds markers, and a few in previews.
    if data.count(b"\xff\xda") > _MAX_SCANS:
        raise Trap(f"has more than {_MAX_SCANS} scans, which is no picture but a way to keep a reader busy")


def _png(data: bytes) -> None:
    place, chunks = 8, 0
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        if data[place + 4 : place + 8] == b"IEND":
            return
        place, chunks = place + 12 + length, chunks + 1
        if chunks > _MAX_CHUNKS:
            raise Trap(f"has more than {_MAX_CHUNKS:,} chunks")
    raise Trap("is truncated: the file ends before the image does")


def _gif(data: bytes) -> int:
    place, frames, comments, left = 13 + _table(data[10]), 0, 0, _MAX_BLOCKS
    while place < len(data) and data[place] != 0x3B:
        introducer = data[place]
        if introducer == 0x21:
            start, comment = place + 2, data[place + 1] == 0xFE
            place, left = _behind_blocks(data, start, left)
            comments += (place - start) if comment else 0
        elif introducer == 0x2C:
            frames += 1
            place, left = _behind_blocks(data, place + 11 + _table(data[place + 9]), left)
        else:
            place, left = place + 1, left - 1
        if frames > MAX_FRAMES or comments > _MAX_COMMENTS:
            raise Trap(
                f"has more than {MAX_FRAMES:,} frames, or more than {_MAX_COMMENTS:,} bytes of comments"
            )
    return frames


def _table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _behind_blocks(data: bytes, place: int, left: int) -> tuple[int, int]:
    """Where a chain of blocks ends, and how many more there may be."""
    while size := data[place]:
        place += size + 1
        left -= 1
        if left < 0:
            raise Trap(f"has more than {_MAX_BLOCKS:,} blocks")
    return place + 1, left - 1


def _tiff(data: bytes) -> int:
    order = ">" if data[:2] == b"MM" else "<"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    number, entry, count = (order + "Q", 20, order + "Q") if big else (order + "I", 12, order + "H")
    (place,) = struct.unpack_from(number, data, 8 if big else 4)
    pages, seen = 0, set()
    while place and place not in seen:
        seen.add(place)
        pages += 1
        (entries,) = struct.unpack_from(count, data, place)
        first = place + struct.calcsize(count)
        if pages == 1:
            _check_tags(data, first, entries, entry, order + ("HHQ" if big else "HHI"))
        if pages > MAX_FRAMES:
            raise Trap(f"has more than {MAX_FRAMES:,} pages")
        (place,) = struct.unpack_from(number, data, first + entries * entry)
    return pages


def _check_tags(data: bytes, first: int, entries: int, size: int, form: str) -> None:
    if entries > _MAX_COUNT:
        raise Trap(f"has more than {_MAX_COUNT:,} tags")
    for index in range(entries):
        _, kind, count = struct.unpack_from(form, data, first + index * size)
        if count > _MAX_COUNT and kind not in (1, 2, 6, 7):  # bytes and text stay as they are
            raise Trap(f"has a tag of more than {_MAX_COUNT:,} numbers")


def _webp(data: bytes) -> None:
    """The canvas is reserved when Pillow opens the file, so its size is looked at before."""
    match data[12:16]:
        case b"VP8X":
            check_size(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            check_size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case _:
            width, height = struct.unpack_from("<HH", data, 26)
            check_size(width & 0x3FFF, height & 0x3FFF)


def _icon(data: bytes) -> None:
    """An icon is decoded when Pillow opens the file, so its size is looked at before."""
    (count,) = struct.unpack_from("<H", data, 4)
    if count > _MAX_ICONS:
        raise Trap(f"has more than {_MAX_ICONS} icons")
    for index in range(count):
        (place,) = struct.unpack_from("<I", data, 6 + 16 * index + 12)
        png = data[place : place + 4] == b"\x89PNG"
        width, height = struct.unpack_from(">II" if png else "<ii", data, place + (16 if png else 4))
        if not (0 < width <= _MAX_ICON_SIDE and 0 < abs(height) <= 2 * _MAX_ICON_SIDE):
            raise Trap(f"has an icon of {shape(width, height)} pixels")


_WALKERS: Final[dict[str, Callable[[bytes], int | None]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/tiff": _tiff,
    "image/webp": _webp,
    "image/x-icon": _icon,
}
