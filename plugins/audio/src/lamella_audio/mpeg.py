"""The frames of MPEG audio (MP3 and its kin), as far as finding and counting them goes; nothing is decoded.

Header layout and tables: ISO/IEC 11172-3 (MPEG-1), 13818-3 (MPEG-2), and the unofficial MPEG-2.5.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache
from typing import Final

import attrs

from lamella_audio.damage import Damaged

__all__ = ["MpegSound", "after_tags", "has_frames", "read_mpeg"]

_LAYER_1: Final = tuple(range(0, 449, 32))
_LAYER_2: Final = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LAYER_3: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_1: Final = (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_LOW_23: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

_NOT_ZERO: Final = re.compile(rb"[^\x00]")
_TAILS: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")  # tags that other programs write behind the sound
_MAX_TAGS: Final = 100


@attrs.frozen(kw_only=True)
class MpegSound:
    """What the frames say. ``duration`` (seconds) leaves out what an encoder says that it padded."""

    sample_rate: int
    channels: int
    frames: int
    duration: float


@attrs.frozen
class _Frame:
    length: int  # bytes, with the header
    samples: int
    channels: int
    kind: tuple[int, int, int]  # version, layer, sample rate: the same in all frames of a file


@attrs.frozen
class _Index:
    """What stands in place of sound in the first frame of many files: Xing's index, with LAME's notes."""

    frames: int | None
    padding: int  # samples


def _frame(data: bytes, place: int) -> _Frame | None:
    """The frame whose header stands here, ``None`` when none does (or one of unsaid length)."""
    return _read_header(data[place : place + 4])


@lru_cache(maxsize=256)  # a file has few different headers, and thousands of frames
def _read_header(header: bytes) -> _Frame | None:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, rate_row = header[2] >> 2 & 3, _RATES.get(version)
    bits = header[2] >> 4
    if rate_row is None or layer == 4 or rate_index == 3 or bits in (0, 15):
        return None
    rate, padding = rate_row[rate_index], header[2] >> 1 & 1
    if version == 3:
        speed = (_LAYER_1, _LAYER_2, _LAYER_3)[layer - 1][bits] * 1000
    else:
        speed = (_LOW_1 if layer == 1 else _LOW_23)[bits] * 1000
    if layer == 1:
        length = (12 * speed // rate + padding) * 4
    else:
        length = (72 if layer == 3 and version != 3 else 144) * speed // rate + padding
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    return _Frame(length, samples, 1 if header[3] >> 6 == 3 else 2, (version, layer, rate))


def after_tags(data: bytes, place: int = 0) -> int:
    """Where the ID3 tags that stand here end, with the zeros that often follow them."""
    start = place
    for _ in range(_MAX_TAGS):
        head = data[place : place + 10]
        if len(head) < 10 or head[:3] != b"ID3" or any(byte & 0x80 for byte in head[6:]):
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        place += 10 + size + (10 if head[5] & 0x10 else 0)
    return place if place == start else _after_zeros(data, place)


def _after_zeros(data: bytes, place: int) -> int:
    found = _NOT_ZERO.search(data, place)
    return max(place, len(data)) if found is None else found.start()


def has_frames(data: bytes, place: int) -> bool:
    """Whether frames stand here: two alike in a row, or a single one that is all there is."""
    first = _frame(data, place)
    if first is None:
        return False
    following = place + first.length
    if following == len(data) or data.startswith(_TAILS, following):
        return True
    second = _frame(data, following)
    return second is not None and second.kind == first.kind


def read_mpeg(data: bytes) -> MpegSound:
    """The frames, counted from the first to the last byte of the sound.

    :raises Damaged: there are none, one of them is cut, something else stands between them, or there are
        fewer than the file's index claims.
    """
    place, count, samples, end = after_tags(data), 0, 0, len(data)
    first: _Frame | None = None
    index: _Index | None = None
    while place < end:
        frame = _frame(data, place)
        if frame is None:
            place = _gap(data, place, count)
            continue
        if first is None:
            first, index = frame, _index(data[place : place + frame.length])
        count, samples, place = count + 1, samples + frame.samples, place + frame.length
    if first is None:
        raise Damaged("it holds no MPEG frame")
    if place > end:
        raise Damaged(f"it is cut: {place - end:,} bytes are missing at its end")
    if index is not None:
        samples -= first.samples + index.padding
        if index.frames is not None and count < index.frames:
            raise Damaged(f"it is cut: its index claims {index.frames:,} frames, {count:,} are there")
    if samples <= 0:
        raise Damaged("it holds no sound (0 seconds)")
    rate = first.kind[2]
    return MpegSound(sample_rate=rate, channels=first.channels, frames=count, duration=samples / rate)


def _gap(data: bytes, place: int, count: int) -> int:
    """Where to look for the next frame when none stands here: behind a tag or zeros, or at the end."""
    if count and data.startswith(_TAILS, place):
        return len(data)
    beyond = after_tags(data, place)
    beyond = _after_zeros(data, place) if beyond == place else beyond
    if beyond == place:
        raise Damaged(f"there is no MPEG frame at byte {place:,}")
    return beyond


def _index(first: bytes) -> _Index | None:
    """The index in the first frame, ``None`` when the frame holds sound."""
    place = max(first.find(b"Xing", 0, 64), first.find(b"Info", 0, 64))
    if place < 0 or len(first) < place + 12:
        return None
    flags, frames = struct.unpack_from(">II", first, place + 4)
    place += 8 + sum(size for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    notes = first[place : place + 24]
    padding = 0
    if len(notes) == 24 and notes[:4] in (b"LAME", b"Lavf", b"Lavc"):
        padding = (notes[21] << 4 | notes[22] >> 4) + ((notes[22] & 0x0F) << 8 | notes[23])
    return _Index(int(frames) if flags & 1 else None, padding)
