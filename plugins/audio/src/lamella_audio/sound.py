"""libsndfile, opened on bytes in memory. All of its failures leave as ``Damaged`` or ``PluginError``.

The MP3 decoder inside it (libmpg123) writes notes on sound that it finds odd to the process's standard
error and cannot be told not to; damaged files are refused before it sees them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lamella.errors import PluginError
from lamella_audio.damage import Damaged

__all__ = ["load_soundfile", "open_sound", "reported"]


def load_soundfile() -> Any:
    """The module ``soundfile``, which brings libsndfile and numpy.

    :raises PluginError: it is not installed, or finds no libsndfile.
    """
    try:
        import soundfile  # type: ignore[import-untyped]  # ships no types that can be found
    except (ImportError, OSError) as error:
        raise PluginError(
            "looking into or converting this audio needs soundfile: pip install 'lamella-audio[probe]'",
            context={"plugin": "audio"},
            cause=error,
        ) from error
    return soundfile


class _Bytes(io.BytesIO):
    """Bytes that libsndfile may ask for anywhere: a place before their beginning is no exception in a callback."""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()  # the caller sees that it did not move


@contextmanager
def reported(soundfile: Any) -> Iterator[None]:
    """Turn what ``soundfile`` raises into ``Damaged``, without addresses of objects in the message."""
    try:
        yield
    except Damaged:
        raise
    except soundfile.LibsndfileError as error:
        raise Damaged(f"libsndfile says: {error.error_string.strip().rstrip('.')}") from error
    except (
        soundfile.SoundFileError,
        AssertionError,
        ValueError,
        TypeError,
        OverflowError,
        MemoryError,
    ) as error:
        # AssertionError is how soundfile says that fewer frames came than there should be.
        raise (
            error if isinstance(error, Damaged) else Damaged("its sound cannot be read to its end")
        ) from error


@contextmanager
def open_sound(data: bytes, pcm: tuple[int, int] | None = None) -> Iterator[Any]:
    """A ``soundfile.SoundFile`` on bytes; closed on every path. The bytes are not copied.

    :param pcm: sample rate and channels where the bytes are bare samples, 16 bits each, little-endian.
    :raises Damaged: libsndfile cannot read them, on opening or while they are read.
    :raises PluginError: there is no libsndfile.
    """
    soundfile = load_soundfile()
    bare: dict[str, Any] = {}
    if pcm is not None:
        bare = {
            "samplerate": pcm[0],
            "channels": pcm[1],
            "subtype": "PCM_16",
            "format": "RAW",
            "endian": "LITTLE",
        }
    with reported(soundfile), soundfile.SoundFile(_Bytes(data), "r", **bare) as sound:
        yield sound
