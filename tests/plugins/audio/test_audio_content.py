"""``AudioContent``: where audio comes from, what it is, and how it is written."""

from __future__ import annotations

import base64
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamella_audio
from lamella.content import Block, MediaContent, OpaqueContent, ToolOutputBlock
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella.messages import Message
from lamella.serial import _tags, from_json, set_content_resolver, to_dict, to_json
from lamella_audio import AudioContent, plugin

Files = Mapping[str, bytes]

URL = "https://example.com/a%20memo.mp3?size=1&x=%2F"
WITHOUT_AUDIO = ("openai.responses", "anthropic.messages", "ollama", "acme")
WITH_AUDIO = ("openai.chat", "mistral.chat", "gemini", "gemini.interactions")


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def encode(audio: MediaContent, dialect: str) -> Any:
    return plugin.lamella_encode_content(audio, dialect)


# -- where audio comes from -----------------------------------------------------------------------


def test_f_med03_from_bytes_and_base64() -> None:
    audio = AudioContent.from_bytes(b"abc", "audio/mpeg")
    assert (audio.data, audio.mime_type, audio.url, audio.base64_data) == (b"abc", "audio/mpeg", None, "YWJj")
    assert AudioContent.from_base64("YWJj", "audio/mpeg") == audio
    assert AudioContent(data=b"abc", mime_type="audio/mpeg") == audio
    assert AudioContent(data=b"abc").mime_type == AudioContent.from_bytes(b"abc").mime_type == "audio/wav"
    assert audio.type == "audio"


def test_f_med03_from_file(tmp_path: Path, files: Files) -> None:
    path = write(tmp_path, "a memo.mp3", files["mp3"])
    for place in (path, str(path), path.as_uri()):
        audio = AudioContent.from_file(place)
        assert (audio.data, audio.mime_type, audio.name) == (files["mp3"], "audio/mpeg", "a memo.mp3")
    with pytest.raises(AgentInputError, match="cannot find file: "):
        AudioContent.from_file(tmp_path / "no.mp3")


async def test_f_med03_from_file_off_the_loop(tmp_path: Path, files: Files) -> None:
    path = write(tmp_path, "a.wav", files["wav"])
    assert await AudioContent.afrom_file(path) == AudioContent.from_file(path)


def test_from_url_fetches_nothing_and_reads_the_extension() -> None:
    audio = AudioContent.from_url(URL)
    assert (audio.url, audio.data, audio.mime_type) == (URL, None, "audio/mpeg")
    assert AudioContent.from_url("https://example.com/a.FLAC").mime_type == "audio/flac"
    assert AudioContent.from_url("https://example.com/a?b=c.mp3").mime_type == "audio/wav"
    assert AudioContent.from_url(URL, "audio/ogg", alt="hello").alt == "hello"
    assert AudioContent.from_url(URL, "audio/ogg").mime_type == "audio/ogg"
    for url in ("file:///etc/passwd", "data:audio/wav;base64,AA==", "/etc/passwd", ""):
        with pytest.raises(AgentInputError, match=r"http\(s\) URL"):
            AudioContent.from_url(url)


def test_no_bytes_in_the_repr_and_frozen(files: Files) -> None:
    audio = AudioContent.from_bytes(files["wav"])
    assert repr(audio) == "AudioContent(<64044 bytes>, mime_type='audio/wav')"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        audio.mime_type = "x"  # type: ignore[misc]


# -- types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp3", "audio/mpeg"),
        ("A.MP3", "audio/mpeg"),
        ("a.wav", "audio/wav"),
        ("a.WaV", "audio/wav"),
        ("a.mp4", "audio/mp4"),
        ("a.m4a", "audio/mp4"),
        ("a.ogg", "audio/ogg"),
        ("a.oga", "audio/ogg"),
        ("a.opus", "audio/ogg"),
        ("a.flac", "audio/flac"),
        ("a.aac", "audio/aac"),
        ("a.aiff", "audio/aiff"),
        ("a.aif", "audio/aiff"),
        ("a.webm", "audio/webm"),
        ("a.pcm", "audio/pcm"),
        ("a.txt", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_f_med06_the_extension_says_the_type_in_any_case(tmp_path: Path, name: str, kind: str) -> None:
    assert AudioContent.from_file(write(tmp_path, name, b"not recognisable")).mime_type == kind


SHOWN = {
    "wav": "audio/wav",
    "float wav": "audio/wav",
    "adpcm wav": "audio/wav",
    "wavex": "audio/wav",
    "rf64": "audio/wav",
    "flac": "audio/flac",
    "tagged flac": "audio/flac",
    "vorbis": "audio/ogg",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "tagged mp3": "audio/mpeg",
    "aiff": "audio/aiff",
    "aifc": "audio/aiff",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "audio mp4": "audio/mp4",
    "film mp4": "video/mp4",
    "audio webm": "audio/webm",
    "film webm": "video/webm",
    "aac": "audio/aac",
    "tagged aac": "audio/aac",
    "theora": "video/ogg",
}


@pytest.mark.parametrize(("name", "kind"), SHOWN.items())
def test_f_med06_recognisable_bytes_win(tmp_path: Path, files: Files, name: str, kind: str) -> None:
    for file in ("x.wav", "x.mp3", "x", "x.txt"):
        assert AudioContent.from_file(write(tmp_path, file, files[name])).mime_type == kind
    assert AudioContent.from_bytes(files[name]).mime_type == kind
    assert AudioContent.from_base64(base64.b64encode(files[name]).decode()).mime_type == kind


def test_f_med06_mp3_without_a_tag_in_every_variant() -> None:
    """The variants whose first two bytes ``filetype`` does not know: MPEG-2.5, other layers, with a checksum."""
    lengths = {
        b"\xff\xfa\x90\x00": 417,  # MPEG-1 layer 3 with a checksum, 128 kbit/s, 44.1 kHz
        b"\xff\xe3\x40\x00": 72 * 32000 // 11025,  # MPEG-2.5 layer 3
        b"\xff\xfd\x80\x00": 144 * 128000 // 44100,  # MPEG-1 layer 2
        b"\xff\xff\x40\x00": 12 * 128000 // 44100 * 4,  # MPEG-1 layer 1
        b"\xff\xf7\x40\x00": 12 * 64000 // 22050 * 4,  # MPEG-2 layer 1
    }
    for header, length in lengths.items():
        frame = header + bytes(length - 4)
        assert AudioContent.sniff(frame * 2) == "audio/mpeg", header
        assert AudioContent.sniff(frame) == "audio/mpeg", header
        assert AudioContent.sniff(frame + b"TAG" + bytes(125)) == "audio/mpeg"
        assert AudioContent.sniff(frame + b"\0" * 9) is None, "one header can be chance"
    for other in (b"\xff\xfe" + "UTF-16".encode("utf-16-le"), b"\xff\xff" * 50, b"", b"\xff", b"hello"):
        assert AudioContent.sniff(other) is None


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("audio/x-wav", "wav"),
        ("audio/wave", "wav"),
        ("audio/vnd.wave", "wav"),
        ("AUDIO/WAV", "wav"),
        ("audio/mp3", "mp3"),
        ("audio/x-m4a", "m4a"),
        ("audio/m4a", "audio mp4"),
        ("audio/x-flac", "flac"),
        ("audio/opus", "opus"),
        ("application/ogg", "vorbis"),
        ("audio/x-aiff", "aiff"),
        ("audio/aacp", "aac"),
    ],
)
def test_f_med06_synonyms_agree(files: Files, declared: str, name: str) -> None:
    assert AudioContent.from_bytes(files[name], declared).mime_type == SHOWN[name]


def test_f_med06_parameters_stay(files: Files) -> None:
    audio = AudioContent.from_bytes(files["audio webm"], "audio/webm;codecs=opus")
    assert audio.mime_type == "audio/webm;codecs=opus"
    part = encode(audio, "gemini")
    assert part["inlineData"]["mimeType"] == "audio/webm"


@pytest.mark.parametrize("name", ["film mp4", "film webm", "mp3"])
def test_f_med06_a_declared_type_that_is_wrong_is_an_error(files: Files, name: str) -> None:
    for declared in ("audio/wav", "audio/mp4" if name != "audio/mp4" else "audio/webm"):
        with pytest.raises(AgentInputError, match=f"the bytes are {SHOWN[name]}"):
            AudioContent.from_bytes(files[name], declared)


@pytest.mark.parametrize("start", [b"\xff\xfb", b"\xff\xf1", b"BM", b"ID3", b"\x1f\x8b\x08", b"%PDF-"])
def test_bare_samples_are_only_declared(tmp_path: Path, start: bytes) -> None:
    data = start + bytes(100)
    for declared in ("audio/pcm;rate=24000", "audio/L16;rate=24000;channels=2", "audio/x-pcm"):
        audio = AudioContent.from_bytes(data, declared)
        assert audio.mime_type.startswith(("audio/pcm", "audio/l16"))
    assert AudioContent.from_file(write(tmp_path, "a.pcm", data)).mime_type == "audio/pcm"


def test_a_file_is_no_bare_samples(files: Files) -> None:
    with pytest.raises(AgentInputError, match="the bytes are audio/wav"):
        AudioContent.from_bytes(files["wav"], "audio/pcm;rate=24000")


def test_f_med06_what_is_no_audio_is_refused_by_the_encoders(tmp_path: Path, files: Files) -> None:
    disguised = AudioContent.from_file(write(tmp_path, "a.wav", b"%PDF-1.7\n..."))
    film = AudioContent.from_bytes(files["film mp4"])
    unknown = AudioContent.from_file(write(tmp_path, "a.bin", b"?"))
    for audio in (disguised, film, unknown, AudioContent.from_url(URL, "text/html")):
        for dialect in WITH_AUDIO:
            with pytest.raises(
                UnsupportedContentError, match=f"{audio.mime_type} is not taken on {dialect}"
            ) as caught:
                encode(audio, dialect)
            assert caught.value.context == {
                "content": "audio",
                "mime_type": audio.mime_type,
                "dialect": dialect,
            }


# -- what it is, in a line ------------------------------------------------------------------------


def test_facts_have_the_duration_where_it_costs_nothing(files: Files, tone: Callable[..., bytes]) -> None:
    wav = AudioContent.from_bytes(tone("wav", rate=8000, seconds=12.3), name="memo.wav")
    assert wav.describe() == "memo.wav, audio/wav, 196.8 kB, 0:12"
    assert AudioContent.from_bytes(bytes(48000), "audio/pcm;rate=24000").facts()[-1] == "0:01"
    assert AudioContent.from_bytes(bytes(2 * 8000 * 3723), "audio/L16;rate=8000").facts()[-1] == "1:02:03"
    assert AudioContent.from_bytes(files["mp3"]).facts() == ["audio/mpeg", "3.4 kB"]
    assert AudioContent.from_url(URL).facts() == [URL, "audio/mpeg"]


@given(
    st.binary(min_size=1, max_size=200),
    st.sampled_from(["audio/wav", "audio/pcm;rate=0", "audio/l16;rate=x;channels=0"]),
)
def test_facts_never_raise(data: bytes, mime_type: str) -> None:
    assert len(AudioContent(data=b"RIFF" + data, mime_type="audio/wav").facts()) >= 2
    assert AudioContent(data=data, mime_type=mime_type).describe().startswith(mime_type)


# -- the wires ------------------------------------------------------------------------------------

WAV = AudioContent(data=b"RIFF....WAVE")
LINK = AudioContent.from_url(URL)
TEXT = base64.b64encode(b"RIFF....WAVE").decode()


def part_of_openai(kind: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": TEXT, "format": kind}}


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [
        ("audio/wav", "wav"),
        ("audio/mpeg", "mp3"),
        ("audio/mp4", "mp4"),
        ("audio/x-wav", "wav"),
        ("audio/mp3", "mp3"),
        ("audio/x-m4a", "mp4"),
        ("audio/mp4;codecs=mp4a.40.2", "mp4"),
    ],
)
def test_f_med03_openai_blocks_are_those_of_w2(mime_type: str, kind: str) -> None:
    audio = AudioContent(data=WAV.data, mime_type=mime_type)
    assert audio.to_openai_block() == part_of_openai(kind) == encode(audio, "openai.chat")


def test_f_med03_there_is_no_anthropic_block() -> None:
    assert not hasattr(WAV, "to_anthropic_block")


@pytest.mark.parametrize(
    "mime_type", ["audio/ogg", "audio/flac", "audio/aac", "audio/webm", "audio/basic", "audio/x"]
)
def test_f_n39_an_unknown_audio_subtype_is_refused_with_a_reason(mime_type: str) -> None:
    audio = AudioContent(data=b"x", mime_type=mime_type, name="memo")
    with pytest.raises(
        UnsupportedContentError,
        match=rf"memo: {mime_type} is not taken on openai\.chat; it takes mp3, mp4, wav: convert it",
    ):
        audio.to_openai_block()


def test_f_n39_the_reason_says_what_to_do() -> None:
    for mime_type, advice in (
        ("audio/ogg", r"audio\.converted\('audio/mpeg'\)"),
        ("audio/l16;rate=8000", r"audio\.converted\('audio/mpeg'\)"),
        ("audio/webm", "to one of them"),
    ):
        with pytest.raises(UnsupportedContentError, match=advice):
            encode(AudioContent(data=b"x", mime_type=mime_type), "openai.chat")
    with pytest.raises(UnsupportedContentError, match="audio/L16;rate="):
        encode(AudioContent(data=b"x", mime_type="audio/pcm"), "gemini.interactions")
    with pytest.raises(UnsupportedContentError, match=r"bytes only: fetch it first .*lamella-fetch"):
        LINK.to_openai_block()
    with pytest.raises(UnsupportedContentError, match="a file id of audio has no form on openai"):
        AudioContent.from_file_id("f", "openai").to_openai_block()
    with pytest.raises(UnsupportedContentError, match="signed URL"):
        encode(AudioContent.from_file_id("f", "mistral"), "mistral.chat")
    for dialect in ("gemini", "gemini.interactions"):
        with pytest.raises(UnsupportedContentError, match="this file id is openai's"):
            encode(AudioContent.from_file_id("f", "openai"), dialect)


@pytest.mark.parametrize("dialect", WITHOUT_AUDIO)
@pytest.mark.parametrize("audio", [WAV, LINK, AudioContent.from_file_id("f")])
def test_f_med05_wires_without_audio(audio: AudioContent, dialect: str) -> None:
    if dialect == "acme":  # a wire that nobody knows
        assert encode(audio, dialect) is None
        return
    with pytest.raises(UnsupportedContentError, match="send what is said in it as text"):
        encode(audio, dialect)


def of_type(mime_type: str) -> AudioContent:
    return AudioContent(data=WAV.data, mime_type=mime_type)


@pytest.mark.parametrize(
    ("audio", "dialect", "part"),
    [
        (WAV, "mistral.chat", {"type": "input_audio", "input_audio": TEXT}),
        (LINK, "mistral.chat", {"type": "input_audio", "input_audio": URL}),
        (WAV, "gemini", {"inlineData": {"mimeType": "audio/wav", "data": TEXT}}),
        (LINK, "gemini", {"fileData": {"mimeType": "audio/mpeg", "fileUri": URL}}),
        (of_type("audio/mp4"), "gemini", {"inlineData": {"mimeType": "audio/mp4", "data": TEXT}}),
        (
            of_type("audio/pcm;rate=8000"),
            "gemini",
            {"inlineData": {"mimeType": "audio/pcm;rate=8000", "data": TEXT}},
        ),
        (
            AudioContent.from_file_id("files/f", "gemini", "audio/flac"),
            "gemini",
            {"fileData": {"mimeType": "audio/flac", "fileUri": "files/f"}},
        ),
        (WAV, "gemini.interactions", {"type": "audio", "mime_type": "audio/wav", "data": TEXT}),
        (LINK, "gemini.interactions", {"type": "audio", "mime_type": "audio/mpeg", "uri": URL}),
        (
            of_type("audio/mp4"),
            "gemini.interactions",
            {"type": "audio", "mime_type": "audio/m4a", "data": TEXT},
        ),
        (
            of_type("audio/L16; rate=24000"),
            "gemini.interactions",
            {"type": "audio", "mime_type": "audio/l16", "sample_rate": 24000, "channels": 1, "data": TEXT},
        ),
        (
            AudioContent.from_file_id("files/f"),
            "gemini.interactions",
            {"type": "audio", "mime_type": "audio/wav", "uri": "files/f"},
        ),
        (MediaContent(data=b"x", mime_type="audio/wav"), "openai.chat", None),
    ],
)
def test_f_med05_parts_by_dialect(audio: MediaContent, dialect: str, part: Any) -> None:
    assert encode(audio, dialect) == part


def test_f_med05_any_content_with_the_tag_is_written() -> None:
    @attrs.frozen(kw_only=True, repr=False)
    class Other(MediaContent):
        type = "audio"

    assert encode(Other(data=WAV.data, mime_type="audio/wav"), "openai.chat") == part_of_openai("wav")


def test_bytes_over_the_limit_are_refused_before_they_are_encoded() -> None:
    large = AudioContent(data=bytes(75_000_001))
    for dialect in ("gemini", "gemini.interactions"):
        with pytest.raises(
            UnsupportedContentError, match="75,000,001 bytes are over the limit of 75,000,000"
        ):
            encode(large, dialect)


@given(st.binary(min_size=1, max_size=64))
def test_f_n38_bytes_are_encoded_exactly_once(data: bytes) -> None:
    assert AudioContent.from_base64(base64.b64encode(data).decode()).data == data
    audio = AudioContent(data=data, mime_type="audio/l16;rate=8000")
    assert base64.b64decode(encode(audio, "gemini")["inlineData"]["data"]) == data
    assert base64.b64decode(to_dict(audio)["data"]) == data


# -- the plugin -----------------------------------------------------------------------------------


def test_the_entry_point_names_the_plugin() -> None:
    (entry,) = importlib.metadata.entry_points(group="lamella.content", name="audio")
    assert entry.value == "lamella_audio.plugin"
    assert entry.dist is not None
    assert entry.dist.name == "lamella-audio"
    assert entry.load() is plugin
    assert plugin.lamella_api == "1.0"


def test_the_plugin_contributes_the_content_type() -> None:
    (spec,) = plugin.lamella_content_types()
    assert (spec.id, spec.content_class) == ("audio", "lamella_audio.content:AudioContent")
    assert spec.dialects == WITH_AUDIO
    assert spec.summary


def test_the_plugin_is_light() -> None:
    code = (
        "import sys, lamella_audio, lamella_audio.plugin as plugin; plugin.lamella_content_types(); "
        "assert not {'filetype', 'soundfile', 'numpy', 'lamella_audio.content'} & set(sys.modules); "
        "assert {'AudioContent', 'AudioInfo'} == set(dir(lamella_audio)); "
        "lamella_audio.AudioContent(data=b'x').to_openai_block(); "
        "assert not {'filetype', 'soundfile', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="Nope"):
        lamella_audio.Nope  # noqa: B018


def test_f_med08_audio_round_trips_with_the_plugin_and_survives_without(
    monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    monkeypatch.setattr(_tags, "_contents", {})
    monkeypatch.setattr(_tags, "_resolver", None)
    audio = AudioContent.from_bytes(
        files["mp3"], name="a.mp3", alt="hello", meta={"converted": {"from": "x"}}
    )
    message = Message.user(["hear", audio, LINK, ToolOutputBlock(call_id="c", output=[audio])])
    stored = to_json(message)
    without = from_json(stored, Message)
    assert isinstance(without.content[1], OpaqueContent)
    assert to_json(without) == stored
    set_content_resolver(lambda tag: AudioContent if tag == "audio" else None)
    assert from_json(stored, Message) == message
    assert from_json(to_json(audio), Block) == audio
