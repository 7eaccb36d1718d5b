"""Conversion: to every target, with little memory, on record, and with typed errors only."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable, Mapping

import numpy
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types

from lamella.errors import AgentInputError
from lamella_audio import AudioContent
from lamella_audio.convert import TARGETS

Files = Mapping[str, bytes]
Tone = Callable[..., bytes]


@pytest.mark.parametrize(
    "name", ["wav", "float wav", "adpcm wav", "rf64", "flac", "vorbis", "opus", "mp3", "aiff"]
)
@pytest.mark.parametrize("target", TARGETS)
def test_converted(files: Files, name: str, target: str) -> None:
    audio = AudioContent.from_bytes(files[name], name="memo.x")
    made = audio.converted(target)
    if audio.mime_type == target:
        assert made is audio
        return
    assert AudioContent.sniff(made.data or b"") == made.mime_type == target
    info = made.probe()
    assert (info.sample_rate, info.channels) == (16000, 1)
    assert info.duration == pytest.approx(2.0, abs=0.1)
    assert made.meta["converted"] == {"from": audio.mime_type, "bytes": len(files[name]), "to": target}
    assert (
        made.name
        == {
            "audio/wav": "memo.wav",
            "audio/mpeg": "memo.mp3",
            "audio/ogg": "memo.ogg",
            "audio/flac": "memo.flac",
        }[target]
    )


def test_samples_stay_what_they_are(files: Files) -> None:
    there_and_back = AudioContent.from_bytes(files["wav"]).converted("audio/flac").converted("audio/wav")
    assert there_and_back.data is not None
    assert there_and_back.data[44:] == files["wav"][44:]
    assert there_and_back.meta["converted"]["earlier"]["from"] == "audio/wav"


def test_bare_samples_become_a_file() -> None:
    samples = struct.pack("<4000h", *range(-2000, 2000))
    made = AudioContent.from_bytes(samples, "audio/L16;codec=pcm;rate=8000").converted("audio/x-wav")
    assert made.data is not None
    assert made.data[44:] == samples
    assert (made.mime_type, made.probe().duration) == ("audio/wav", 0.5)
    with pytest.raises(AgentInputError, match="without its rate; give it the type audio/pcm;rate=24000"):
        AudioContent.from_bytes(samples, "audio/pcm").converted("audio/wav")


async def test_off_the_loop(files: Files) -> None:
    made = await AudioContent.from_bytes(files["wav"]).aconverted("audio/mp3")
    assert made.mime_type == "audio/mpeg"


def test_what_belonged_to_the_old_bytes_goes_and_the_rest_stays(files: Files) -> None:
    audio = AudioContent.from_bytes(files["wav"], alt="hello", meta={"a": 1}, opaque={"openai": {"id": "x"}})
    made = audio.converted("audio/flac")
    assert (made.alt, made.meta["a"], dict(made.opaque), made.name) == ("hello", 1, {}, None)


def test_refusals(files: Files, tone: Tone) -> None:
    wav = AudioContent.from_bytes(files["wav"])
    for audio, target, reason in (
        (wav, "audio/aac", "cannot be converted to audio/aac; give one of audio/wav, "),
        (wav, "image/png", "cannot be converted to image/png"),
        (AudioContent.from_bytes(files["m4a"]), "audio/wav", "which libsndfile does not read.*ffmpeg"),
        (
            AudioContent(data=files["flac"][:5000], mime_type="audio/flac"),
            "audio/wav",
            "is no intact audio/flac file: it is cut",
        ),
        (AudioContent(data=files["wav"][:5000]), "audio/ogg", "is no intact audio/wav file"),
        (AudioContent(data=files["mp3"]), "audio/ogg", "but its bytes are audio/mpeg"),
        (AudioContent.from_bytes(tone("wav", channels=6)), "audio/mpeg", "cannot be converted from"),
        (AudioContent.from_bytes(tone("wav", rate=7777)), "audio/mpeg", "cannot be converted from"),
    ):
        with pytest.raises(AgentInputError, match=reason):
            audio.converted(target)


def test_the_result_is_bounded(files: Files) -> None:
    with pytest.raises(AgentInputError, match="larger than 60,000 bytes; choose audio/mpeg"):
        AudioContent.from_bytes(files["mp3"]).converted("audio/wav", max_bytes=60_000)
    assert AudioContent.from_bytes(files["mp3"]).converted("audio/wav", max_bytes=65_000).size


def test_no_endless_sound(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamella_audio.convert._MAX_SAMPLES", 30_000)
    with pytest.raises(AgentInputError, match="more than 30,000 samples; cut it into pieces"):
        AudioContent.from_bytes(files["wav"]).converted("audio/flac")


def test_a_bomb_costs_no_more_memory_than_the_limit(tone: Tone) -> None:
    """Ten minutes of silence are a few kB of FLAC and 58 MB of WAV."""
    out = io.BytesIO()
    soundfile.write(out, numpy.zeros(48000 * 600, dtype="int16"), 48000, format="FLAC")
    bomb = AudioContent.from_bytes(out.getvalue())
    tracemalloc.start()
    with pytest.raises(AgentInputError, match="larger than 5,000,000 bytes"):
        bomb.converted("audio/wav", max_bytes=5_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000
