"""Audio in another format, block by block: besides the two files only a block of samples is held."""

from __future__ import annotations

import io
from typing import Any, Final

from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella_audio.damage import Damaged
from lamella_audio.formats import PCM_TYPES, kind_of, pcm_parameters
from lamella_audio.probe import UNREAD, bytes_of, probe_audio
from lamella_audio.sound import load_soundfile, open_sound

__all__ = ["MAX_BYTES", "TARGETS", "convert"]

TARGETS: Final = {
    "audio/wav": ("WAV", "PCM_16"),
    "audio/mpeg": ("MP3", "MPEG_LAYER_III"),
    "audio/flac": ("FLAC", "PCM_16"),
    "audio/ogg": ("OGG", "VORBIS"),
}
"""What can be made, and libsndfile's names of it."""

MAX_BYTES: Final = 256 << 20
"""256 MiB: how large a result may get unless the caller says otherwise. No vendor takes as much."""

_MAX_SAMPLES: Final = 1 << 31  # 12 hours of 48 kHz mono; a few MB of FLAC can hold days of silence
_BLOCK: Final = 1 << 16  # samples
_VORBIS: Final = (200_000, 255)  # rate and channels; libsndfile ends the process above them, as of 1.2.2
_SAMPLE: Final = 4  # bytes, 32-bit float: libsndfile scales, and clips, from and to everything else


def convert(audio: MediaContent, target: str, max_bytes: int) -> bytes:
    """The bytes of audio in memory in another format.

    :raises AgentInputError: it cannot be read, cannot be written so, or gets larger than ``max_bytes``.
    :raises PluginError: ``soundfile`` is not installed.
    """
    name, data, kind = audio.name or "this audio", bytes_of(audio), kind_of(audio.mime_type)
    if target not in TARGETS:
        raise AgentInputError(f"{name} cannot be converted to {target}; give one of {', '.join(TARGETS)}")
    if kind in UNREAD:
        raise AgentInputError(
            f"{name} is {kind}, which libsndfile does not read; convert it with another program "
            "(ffmpeg -i FILE FILE.mp3)"
        )
    pcm = pcm_parameters(audio.mime_type) if kind in PCM_TYPES else None
    if kind in PCM_TYPES and pcm is None:
        raise AgentInputError(
            f"{name} is {audio.mime_type} without its rate; give it the type {kind};rate=24000, as it was recorded"
        )
    probe_audio(audio)  # what is damaged is not made into a shorter file that looks intact
    try:
        return _written(data, pcm, target, max_bytes)
    except Damaged as error:
        raise AgentInputError(
            f"{name} cannot be converted from {kind} to {target}: {error}", cause=error
        ) from error


def _written(data: bytes, pcm: tuple[int, int] | None, target: str, max_bytes: int) -> bytes:
    soundfile, out = load_soundfile(), io.BytesIO()
    form, subtype = TARGETS[target]
    with open_sound(data, pcm) as source:
        rate, channels = int(source.samplerate), int(source.channels)
        if not soundfile.check_format(form, subtype):
            raise Damaged(f"this libsndfile writes no {form}")
        if subtype == "VORBIS" and (rate > _VORBIS[0] or channels > _VORBIS[1]):
            raise Damaged(f"Vorbis has no {rate:,} Hz with {channels} channels; choose audio/wav")
        with soundfile.SoundFile(out, "w", rate, channels, subtype, format=form) as sink:
            total = _copy(source, sink, out, max_bytes)
    if not total:
        raise Damaged("it holds no sound (0 seconds)")
    if len(out.getbuffer()) > max_bytes:
        raise Damaged(_too_large(max_bytes))
    return out.getvalue()


def _copy(source: Any, sink: Any, out: io.BytesIO, max_bytes: int) -> int:
    """Copy the sound; returns the number of samples."""
    frame = int(source.channels) * _SAMPLE
    block = bytearray(max(1, _BLOCK * _SAMPLE // frame) * frame)
    expected, total = int(source.frames), 0
    while (frames := int(source.buffer_read_into(block, dtype="float32"))) > 0:
        sink.buffer_write(bytes(memoryview(block)[: frames * frame]), dtype="float32")
        total += frames * int(source.channels)
        if total > _MAX_SAMPLES:
            raise Damaged(f"it holds more than {_MAX_SAMPLES:,} samples; cut it into pieces first")
        if out.tell() > max_bytes:
            raise Damaged(_too_large(max_bytes))
    if expected < 1 << 62 and total < expected * int(source.channels):
        raise Damaged(f"it is cut: {total // int(source.channels):,} of {expected:,} frames are there")
    return total


def _too_large(max_bytes: int) -> str:
    return f"the result is larger than {max_bytes:,} bytes; choose audio/mpeg, or give more as max_bytes"
