"""What audio is made of: format, duration, sample rate, channels; found without decoding it.

Each format is checked for what libsndfile lets pass: a WAV or AIFF whose header claims more than is
there, an MP3 with a frame that is cut, a FLAC or Ogg file whose last sample cannot be reached. WAV and
MP3 tell all of it in plain headers, so they need no library.
"""

from __future__ import annotations

import struct
from typing import Final

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella_audio.damage import Damaged
from lamella_audio.formats import PCM_TYPES, kind_of, label, pcm_parameters, sniff
from lamella_audio.mpeg import read_mpeg
from lamella_audio.ogg import check_last_page
from lamella_audio.sound import open_sound
from lamella_audio.wav import read_wav

__all__ = ["UNREAD", "AudioInfo", "bytes_of", "checked_kind", "probe_audio", "free_duration"]

UNREAD: Final = ("audio/mp4", "audio/aac", "audio/webm")
"""Known by their first bytes; libsndfile does not read them, so their duration stays unknown."""

_READ: Final = ("audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/aiff")
_UNKNOWN_LENGTH: Final = 1 << 62  # what libsndfile says of a FLAC stream that does not say how long it is


@attrs.frozen(kw_only=True)
class AudioInfo:
    """What is known of a piece of audio.

    ``format`` is the type in a word (``mp3``). ``duration`` (seconds), ``sample_rate`` (Hz) and
    ``channels`` are ``None`` where they are unknown: always so for MP4, AAC and WebM, and for the
    duration of a stream that does not say how long it is.
    """

    format: str
    mime_type: str
    duration: float | None
    sample_rate: int | None
    channels: int | None
    bytes: int


def probe_audio(audio: MediaContent) -> AudioInfo:
    """Look into audio that is in memory.

    :raises AgentInputError: its bytes are not here, are not what its type says, cut, corrupt or silent
        of any sound; says which.
    :raises PluginError: the format needs ``soundfile``, which is not installed.
    """
    data, kind = bytes_of(audio), checked_kind(audio)
    try:
        rate, channels, duration = _facts(data, kind, audio.mime_type)
    except Damaged as error:
        raise AgentInputError(
            f"{audio.name or 'this audio'} is no intact {kind} file: {error}; get it again, or convert it anew",
            cause=error,
        ) from error
    return AudioInfo(
        format=label(kind),
        mime_type=audio.mime_type,
        duration=duration,
        sample_rate=rate,
        channels=channels,
        bytes=len(data),
    )


def bytes_of(audio: MediaContent) -> bytes:
    """The bytes of the content.

    :raises AgentInputError: it is a URL or a file id.
    """
    if audio.data is None:
        where = "behind a URL" if audio.url is not None else "at a provider"
        raise AgentInputError(
            f"{audio.name or 'this audio'} is {where}, its bytes are not here; get them and use "
            f"{type(audio).__name__}.from_bytes"
        )
    return audio.data


def checked_kind(audio: MediaContent) -> str:
    """The type of the content in memory, in the spelling used here.

    :raises AgentInputError: it is no audio, or not what its bytes show.
    """
    name, kind = audio.name or "this audio", kind_of(audio.mime_type)
    if kind in PCM_TYPES:
        return kind
    shown = sniff(bytes_of(audio))
    if shown is None:
        raise AgentInputError(
            f"{name} should be {kind}, but its bytes show no known format: it is corrupt, cut, or bare samples, whose "
            "type must be given (audio/pcm;rate=24000)"
        )
    if kind_of(shown) != kind:
        raise AgentInputError(f"{name} should be {kind}, but its bytes are {shown}; give it that type")
    if kind not in _READ and kind not in UNREAD:
        raise AgentInputError(f"{name} is {kind}, no known audio; give one of {', '.join((*_READ, *UNREAD))}")
    return kind


def free_duration(data: bytes, kind: str, mime_type: str) -> float | None:
    """The duration where it costs nothing: of WAV and PCM. ``None`` elsewhere. Never raises."""
    if kind in PCM_TYPES:
        said = pcm_parameters(mime_type)
        return None if said is None else len(data) / (2 * said[0] * said[1])
    if kind != "audio/wav":
        return None
    try:
        return read_wav(data).duration
    except Damaged:
        return None  # a line of text is no place to complain: probe() says what is wrong


def _facts(data: bytes, kind: str, mime_type: str) -> tuple[int | None, int | None, float | None]:
    """Sample rate, channels, duration."""
    if kind in PCM_TYPES:
        rate, channels = pcm_parameters(mime_type) or (None, None)
        if len(data) < 2 * (channels or 1):
            raise Damaged("it holds no sound (0 seconds)")
        return rate, channels, free_duration(data, kind, mime_type)
    if kind in UNREAD:
        return None, None, None
    if kind == "audio/wav":
        header = read_wav(data)
        if header.duration is not None:
            return header.sample_rate, header.channels, header.duration
    elif kind == "audio/mpeg":
        mpeg = read_mpeg(data)
        return mpeg.sample_rate, mpeg.channels, mpeg.duration
    elif kind == "audio/ogg":
        check_last_page(data)
    elif kind == "audio/aiff":
        _check_form(data)
    return _measured(data, seek=kind in ("audio/flac", "audio/ogg"))


def _check_form(data: bytes) -> None:
    (claimed,) = struct.unpack_from(">I", data, 4)
    if claimed + 8 > len(data):
        raise Damaged(f"its header claims {claimed + 8:,} bytes, {len(data):,} are there")


def _measured(data: bytes, *, seek: bool) -> tuple[int, int, float | None]:
    """As libsndfile measures it; ``seek`` goes to the last sample, which tells a claim from what is there."""
    with open_sound(data) as sound:
        rate, channels, frames = int(sound.samplerate), int(sound.channels), int(sound.frames)
        if frames <= 0 or rate <= 0:
            raise Damaged("it holds no sound (0 seconds)")
        if frames >= _UNKNOWN_LENGTH:
            return rate, channels, None
        if seek:
            try:
                sound.seek(frames - 1)
                sound.buffer_read(1, dtype="int16")
            except (RuntimeError, AssertionError) as error:  # soundfile's; what it says is no help here
                raise Damaged(f"it is cut or damaged: the last of {frames:,} frames is not there") from error
    return rate, channels, frames / rate
