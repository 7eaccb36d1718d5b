"""The audio plugin, held to the conformance kit."""

from __future__ import annotations

import io
import struct
import wave

import soundfile

from lamella.content import MediaContent
from lamella_audio import AudioContent
from lamella_testing import ContentConformance


def wav(frames: int = 800) -> bytes:
    """A tone of 8 kHz, mono, 16 bits."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(
            b"".join(struct.pack("<h", (place * 997) % 20_000 - 10_000) for place in range(frames))
        )
    return written.getvalue()


def recoded(form: str) -> bytes:
    """The tone in a format of libsndfile's."""
    samples, rate = soundfile.read(io.BytesIO(wav(8000)), dtype="float32")
    written = io.BytesIO()
    soundfile.write(written, samples, rate, format=form)
    return written.getvalue()


WAV, MP3, OGG, FLAC = wav(), *(recoded(form) for form in ("MP3", "OGG", "FLAC"))


class TestAudio(ContentConformance):
    plugin = "audio"
    files = {
        "a.wav": (WAV, "audio/wav"),
        "a.mp3": (MP3, "audio/mpeg"),
        "a.ogg": (OGG, "audio/ogg"),
        "a.flac": (FLAC, "audio/flac"),
    }
    bad_files = {
        "cut.wav": WAV[:100],
        "header.wav": WAV[:20],
        "cut.flac": FLAC[: len(FLAC) // 2],
        "text.wav": b"this is no sound, whatever its name says",
    }

    def samples(self) -> list[MediaContent]:
        return [
            AudioContent.from_bytes(WAV),
            AudioContent.from_bytes(MP3, name="a.mp3", alt="a tone", meta={"from": "libsndfile"}),
            AudioContent.from_url("https://example.com/a.mp3", "audio/mpeg"),
            AudioContent.from_file_id("files/abc", "gemini", "audio/mpeg"),
        ]
