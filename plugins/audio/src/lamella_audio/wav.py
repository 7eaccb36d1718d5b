"""The header of a WAV file, read without a library: cheap enough for a line of text, and strict.

libsndfile takes a header at its word or quietly cuts it to size; here what the header claims and what
is there must agree. RIFF/WAVE by Microsoft's "Multimedia Programming Interface", RF64 by EBU Tech 3306.
"""

from __future__ import annotations

import struct
from typing import Final

import attrs

from lamella_audio.damage import Damaged

__all__ = ["WavHeader", "read_wav"]

_UNKNOWN: Final = 0xFFFFFFFF
_EXTENSIBLE: Final = 0xFFFE
_STEADY: Final = {1, 3, 6, 7}  # PCM, float, A-law, µ-law: every frame has the same number of bytes
_MAX_CHUNKS: Final = 10_000
_MAX_RATE: Final = 10_000_000


@attrs.frozen(kw_only=True)
class WavHeader:
    """What a header says. ``frames`` and ``duration`` (seconds) are ``None`` for compressed codecs."""

    sample_rate: int
    channels: int
    codec: int
    frames: int | None
    duration: float | None


def read_wav(data: bytes) -> WavHeader:
    """The header of a WAV file.

    A file that was written as a stream (both sizes ``0xFFFFFFFF``, as speech services and pipes write
    them) ends where its bytes end.

    :raises Damaged: it is none, is cut, or claims what is not there.
    """
    if len(data) < 12 or data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        raise Damaged("it has no RIFF/WAVE header")
    place, form, long_size = 12, None, None
    for _ in range(_MAX_CHUNKS):
        if place + 8 > len(data):
            break
        tag, size = struct.unpack_from("<4sI", data, place)
        place += 8
        if tag == b"data":
            if form is None:
                raise Damaged("its data stand before its format")
            return _measured(form, _sound(data, place, size, long_size))
        if tag == b"fmt ":
            form = _form(data, place, size)
        elif tag == b"ds64" and place + 16 <= len(data):
            (long_size,) = struct.unpack_from("<Q", data, place + 8)
        place += size + (size & 1)
    raise Damaged("it ends before its sound: there is no data chunk")


def _form(data: bytes, place: int, size: int) -> tuple[int, int, int, int, int]:
    """Codec, channels, sample rate, bytes of a frame, bits of a sample."""
    if size < 16 or place + size > len(data):
        raise Damaged("its format chunk is cut")
    codec, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", data, place)
    if codec == _EXTENSIBLE and size >= 26:
        (codec,) = struct.unpack_from("<H", data, place + 24)
    if not (channels and block and 0 < rate <= _MAX_RATE):
        raise Damaged(f"its header claims {channels} channels at {rate} Hz in frames of {block} bytes")
    if codec in _STEADY and (not bits or block != channels * ((bits + 7) // 8)):
        raise Damaged(f"its header claims {channels} channels of {bits} bits in frames of {block} bytes")
    return codec, channels, rate, block, bits


def _sound(data: bytes, place: int, size: int, long_size: int | None) -> int:
    """How many bytes of sound there are."""
    here = len(data) - place
    (whole,) = struct.unpack_from("<I", data, 4)
    if size == _UNKNOWN and long_size is not None:
        claimed = long_size
    elif size == whole == _UNKNOWN and data[:4] == b"RIFF":
        claimed = here
    else:
        claimed = size
    if claimed > here:
        raise Damaged(f"its header claims {claimed:,} bytes of sound, {here:,} are there")
    return claimed


def _measured(form: tuple[int, int, int, int, int], sound: int) -> WavHeader:
    codec, channels, rate, block, _ = form
    frames = sound // block if codec in _STEADY else None
    if not sound or frames == 0:
        raise Damaged("it holds no sound (0 seconds)")
    duration = None if frames is None else frames / rate
    return WavHeader(sample_rate=rate, channels=channels, codec=codec, frames=frames, duration=duration)
