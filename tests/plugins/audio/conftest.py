"""Sound to test with: a tone in every format that libsndfile writes, and the shells of those it does not."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping

import numpy
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types

FORMS = {
    "wav": ("WAV", "PCM_16"),
    "float wav": ("WAV", "FLOAT"),
    "adpcm wav": ("WAV", "IMA_ADPCM"),
    "wavex": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
}

Tone = Callable[..., bytes]


def make_tone(form: str, *, rate: int = 16000, channels: int = 1, seconds: float = 2.0) -> bytes:
    """A file with a tone of 440 Hz."""
    wave = 0.3 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(int(rate * seconds)) / rate)
    out = io.BytesIO()
    name, subtype = FORMS[form]
    soundfile.write(out, numpy.stack([wave] * channels, axis=1), rate, format=name, subtype=subtype)
    return out.getvalue()


def box(kind: bytes, *held: bytes) -> bytes:
    """A box of an MP4 file."""
    body = b"".join(held)
    return struct.pack(">I", 8 + len(body)) + kind + body


def make_mp4(brand: bytes, handler: bytes) -> bytes:
    """The skeleton of an MP4 file with one track."""
    track = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12))))
    return box(b"ftyp", brand, bytes(4), b"isom", b"mp42") + box(b"mdat", bytes(64)) + box(b"moov", track)


def make_webm(codec: bytes) -> bytes:
    """The skeleton of a WebM file with one track."""
    head = (
        b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webmB\x87\x81\x04"
    )
    return head + b"\x86" + bytes([0x80 | len(codec)]) + codec + bytes(100)


@pytest.fixture(scope="session")
def tone() -> Tone:
    """Makes a tone: ``tone("mp3", rate=48000, channels=2, seconds=1)``."""
    return make_tone


@pytest.fixture(scope="session")
def files() -> Mapping[str, bytes]:
    """A file of each kind by name; two seconds where there is sound in it."""
    made = {name: make_tone(name) for name in FORMS}
    adts = bytes([0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC]) + bytes(9)
    made |= {
        "m4a": make_mp4(b"M4A ", b"soun"),
        "m4b": make_mp4(b"M4B ", b"soun"),
        "audio mp4": make_mp4(b"isom", b"soun"),
        "film mp4": make_mp4(b"isom", b"vide"),
        "audio webm": make_webm(b"A_OPUS"),
        "film webm": make_webm(b"V_VP9"),
        "aac": adts * 8,
        "theora": b"OggS" + bytes(24) + b"\x80theora" + bytes(64),
    }
    made["tagged mp3"] = b"ID3\x04\0\0\0\0\0\x14" + bytes(20) + made["mp3"]
    made["tagged flac"] = b"ID3\x04\0\0\0\0\0\x14" + bytes(20) + made["flac"]
    made["tagged aac"] = b"ID3\x04\0\0\0\0\0\x14" + bytes(20) + made["aac"]
    made["aifc"] = b"FORM\0\0\0\x20AIFC" + bytes(24)
    return made
