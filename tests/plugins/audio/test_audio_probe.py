"""Probing: what intact files are, and that no damage passes or leaves as anything but a typed error."""

from __future__ import annotations

import io
import struct
import sys
import threading
import tracemalloc
from collections.abc import Callable, Mapping

import pytest

from lamella.errors import AgentInputError, PluginError, UnsupportedContentError
from lamella_audio import AudioContent, AudioInfo
from lamella_audio.limits import LIMITS, limits_of
from lamella_audio.sound import _Bytes

Files = Mapping[str, bytes]
Tone = Callable[..., bytes]

FORMATS = {
    "wav": "wav",
    "float wav": "wav",
    "adpcm wav": "wav",
    "wavex": "wav",
    "rf64": "wav",
    "flac": "flac",
    "vorbis": "ogg",
    "opus": "ogg",
    "mp3": "mp3",
    "tagged mp3": "mp3",
    "aiff": "aiff",
}


@pytest.mark.parametrize(("name", "form"), FORMATS.items())
def test_f_med03_probe_of_intact_files(files: Files, name: str, form: str) -> None:
    info = AudioContent.from_bytes(files[name]).probe()
    assert (info.format, info.sample_rate, info.channels, info.bytes) == (form, 16000, 1, len(files[name]))
    assert info.duration == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("form", ["wav", "flac", "vorbis", "opus", "mp3", "aiff"])
def test_f_med03_rate_and_channels(tone: Tone, form: str) -> None:
    info = AudioContent.from_bytes(tone(form, rate=48000, channels=2, seconds=0.5)).probe()
    assert (info.sample_rate, info.channels) == (48000, 2)
    assert info.duration == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", ["m4a", "audio mp4", "audio webm", "aac"])
def test_what_libsndfile_does_not_read_is_known_by_its_type(files: Files, name: str) -> None:
    audio = AudioContent.from_bytes(files[name])
    assert audio.probe() == AudioInfo(
        format=audio.mime_type.partition("/")[2],
        mime_type=audio.mime_type,
        duration=None,
        sample_rate=None,
        channels=None,
        bytes=len(files[name]),
    )


def test_bare_samples() -> None:
    info = AudioContent.from_bytes(bytes(96000), "audio/L16;rate=24000;channels=2").probe()
    assert (info.format, info.duration, info.sample_rate, info.channels) == ("l16", 1.0, 24000, 2)
    info = AudioContent.from_bytes(bytes(96000), "audio/pcm").probe()
    assert (info.duration, info.sample_rate, info.channels) == (None, None, None)
    assert "holds no sound" in refused(AudioContent.from_bytes(b"123", "audio/pcm;rate=8000;channels=2"))


async def test_aprobe_is_off_the_loop(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = AudioContent.from_bytes(files["wav"])
    threads: list[int] = []
    probe = AudioContent.probe

    def watched(self: AudioContent) -> AudioInfo:
        threads.append(threading.get_ident())
        return probe(self)

    monkeypatch.setattr(AudioContent, "probe", watched)
    assert (await audio.aprobe()).duration == 2.0
    assert threads != [threading.get_ident()]


# -- damage ---------------------------------------------------------------------------------------


def wav(
    samples: bytes = bytes(100),
    *,
    size: int | None = None,
    whole: int | None = None,
    form: bytes | None = None,
) -> bytes:
    """A WAV file of 8 kHz, with whatever sizes its header shall claim."""
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16) if form is None else form
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(samples) if size is None else size) + samples
    return b"RIFF" + struct.pack("<I", len(body) if whole is None else whole) + body


def refused(audio: AudioContent) -> str:
    with pytest.raises(AgentInputError) as caught:
        audio.probe()
    assert repr(audio.data)[2:20] not in str(caught.value)
    return str(caught.value)


def test_a_wav_that_claims_more_than_is_there() -> None:
    four_gb = AudioContent.from_bytes(wav(size=0xFFFFFFF0, whole=0xFFFFFFFF), name="a.wav")
    tracemalloc.start()
    assert (
        "a.wav is no intact audio/wav file: its header claims 4,294,967,280 bytes of sound, 100 are"
        in refused(four_gb)
    )
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert "claims 4,294,967,295 bytes" in refused(AudioContent.from_bytes(wav(size=0xFFFFFFFF)))
    assert len(four_gb.facts()) == 3


def test_a_wav_that_was_written_as_a_stream_is_as_long_as_what_is_there() -> None:
    audio = AudioContent.from_bytes(wav(bytes(16000), size=0xFFFFFFFF, whole=0xFFFFFFFF))
    assert audio.probe().duration == 1.0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (wav(b""), "no sound"),
        (wav(b"x"), "no sound"),
        (wav()[:20], "format chunk is cut"),
        (wav()[:36], "there is no data chunk"),
        (wav()[:12], "there is no data chunk"),
        (wav()[:60], "claims 100 bytes of sound, 16 are there"),
        (wav(form=b"1234"), "format chunk is cut"),
        (wav(form=struct.pack("<HHIIHH", 1, 0, 8000, 16000, 2, 16)), "claims 0 channels"),
        (wav(form=struct.pack("<HHIIHH", 1, 1, 0, 16000, 2, 16)), "at 0 Hz"),
        (wav(form=struct.pack("<HHIIHH", 1, 1, 0xFFFFFFFF, 16000, 2, 16)), "at 4294967295 Hz"),
        (wav(form=struct.pack("<HHIIHH", 1, 1, 8000, 16000, 7, 16)), "in frames of 7 bytes"),
        (wav(form=struct.pack("<HHIIHH", 0x1234, 1, 8000, 16000, 2, 16)), "libsndfile says"),
        (b"RIFF\4\0\0\0WAVEdata\0\0\0\0", "its data stand before its format"),
        (b"RIFF\4\0\0\0WAVE" + b"junk\0\0\0\0" * 20_000, "there is no data chunk"),
    ],
)
def test_damaged_wavs(data: bytes, reason: str) -> None:
    assert reason in refused(AudioContent.from_bytes(data))


@pytest.mark.parametrize("name", ["wav", "float wav", "rf64", "flac", "vorbis", "opus", "mp3", "aiff"])
def test_truncated_files(files: Files, name: str) -> None:
    whole = files[name]
    for part in (0.99, 0.5, 0.1):
        cut = AudioContent(
            data=whole[: int(len(whole) * part)], mime_type=AudioContent.from_bytes(whole).mime_type
        )
        assert "is no intact" in refused(cut)


def test_damaged_mp3s(files: Files) -> None:
    mp3 = files["mp3"]
    assert "bytes are missing at its end" in refused(AudioContent(data=mp3[:-5], mime_type="audio/mpeg"))
    hole = mp3[:1000] + bytes(range(1, 200)) + mp3[1200:]
    assert "there is no MPEG frame at byte" in refused(AudioContent(data=hole, mime_type="audio/mpeg"))
    only_a_tag = AudioContent.from_bytes(b"ID3\x04\0\0\0\0\0\x14" + bytes(20))
    assert (only_a_tag.mime_type, "holds no MPEG frame" in refused(only_a_tag)) == ("audio/mpeg", True)
    endless_tag = AudioContent.from_bytes(b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(20))
    assert "is no intact" in refused(endless_tag)
    for tail in (b"TAG" + bytes(125), bytes(500), b"APETAGEX" + bytes(50)):
        assert AudioContent.from_bytes(mp3 + tail).probe().duration == pytest.approx(2.0, abs=0.05)
    joined = AudioContent.from_bytes(mp3 + files["tagged mp3"]).probe()
    assert joined.duration == pytest.approx(4.0, abs=0.2)


def test_a_flac_that_claims_days(files: Files) -> None:
    lying = bytearray(files["flac"])
    lying[21] |= 0x0F
    lying[22:26] = b"\xff" * 4
    reason = refused(AudioContent.from_bytes(bytes(lying)))
    assert "the last of 68,719,476,735 frames is not there" in reason


def test_a_flac_that_does_not_say_how_long_it_is(files: Files) -> None:
    silent = bytearray(files["flac"])
    silent[21] &= 0xF0
    silent[22:26] = bytes(4)
    info = AudioContent.from_bytes(bytes(silent)).probe()
    assert (info.duration, info.sample_rate, info.channels) == (None, 16000, 1)


def test_what_its_type_does_not_say(files: Files) -> None:
    assert "but its bytes are audio/mpeg" in refused(AudioContent(data=files["mp3"]))
    assert "show no known format" in refused(AudioContent(data=b"nothing"))
    assert "video/mp4, no known audio" in refused(AudioContent.from_bytes(files["film mp4"]))
    assert "should be application/octet-stream" in refused(
        AudioContent(data=b"?", mime_type="application/octet-stream")
    )


@pytest.mark.parametrize(
    ("audio", "where"),
    [
        (AudioContent.from_url("https://example.com/a.mp3", name="a.mp3"), "a.mp3 is behind a URL"),
        (AudioContent.from_file_id("f"), "this audio is at a provider"),
    ],
)
def test_bytes_that_are_not_here(audio: AudioContent, where: str) -> None:
    for look in (audio.probe, lambda: audio.check_for("gemini"), lambda: audio.converted("audio/ogg")):
        with pytest.raises(AgentInputError, match=f"{where}, its bytes are not here"):
            look()


def test_without_soundfile_the_message_has_the_command(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for name in ("wav", "mp3"):
        assert AudioContent.from_bytes(files[name]).probe().duration == 2.0
    for look in (
        AudioContent.from_bytes(files["flac"]).probe,
        lambda: AudioContent.from_bytes(files["wav"]).converted("audio/mpeg"),
    ):
        with pytest.raises(PluginError, match=r"pip install 'lamella-audio\[probe\]'") as caught:
            look()
        assert isinstance(caught.value.cause, ImportError)


def test_a_place_before_the_beginning_is_no_exception_in_a_callback() -> None:
    held = _Bytes(b"abc")
    held.seek(2)
    assert held.seek(-5) == 2
    assert held.seek(-1, io.SEEK_CUR) == 1


# -- limits ---------------------------------------------------------------------------------------


def test_check_for_gives_the_facts(files: Files) -> None:
    for dialect in ("openai.chat", "mistral.chat", "gemini", "gemini.interactions"):
        assert AudioContent.from_bytes(files["mp3"]).check_for(dialect).duration == pytest.approx(
            2.0, abs=0.1
        )
    assert AudioContent.from_bytes(files["m4a"]).check_for("mistral.chat").duration is None


def test_check_for_names_limit_value_and_what_to_do(files: Files) -> None:
    long = AudioContent.from_bytes(wav(bytes(2 * 8000 * 1201)), name="talk.wav")
    with pytest.raises(
        UnsupportedContentError,
        match=r"talk\.wav: 1,201\.0 seconds are over the limit of 1,200 seconds \(docs\.mistral\.ai.*cut it",
    ):
        long.check_for("mistral.chat")
    assert long.check_for("gemini").duration == 1201.0
    with pytest.raises(UnsupportedContentError, match="over the limit of 75,000,000 bytes"):
        AudioContent(data=bytes(75_000_001)).check_for("gemini")
    with pytest.raises(UnsupportedContentError, match="audio/ogg is not taken on openai"):
        AudioContent.from_bytes(files["opus"]).check_for("openai.chat")
    for dialect in ("ollama", "anthropic.messages", "openai.responses", "acme"):
        with pytest.raises(UnsupportedContentError, match=f"audio has no form on {dialect}"):
            long.check_for(dialect)


def test_limits_have_a_source() -> None:
    for limit in LIMITS.values():
        assert limit.source or (limit.seconds is limit.bytes is None)
    assert limits_of("acme") == limits_of("openai.chat")
