"""Every form of audio is taken by the vendor's own SDK types and by the strict simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from swap.targets import TARGETS, target

from lamella.errors import UnsupportedContentError
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella_audio import AudioContent
from lamella_audio.encode import SENT_TYPES
from lamella_sim import SimServer

Files = Mapping[str, bytes]

EXAMPLES = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "opus",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/webm": "audio webm",
}
URL = "https://example.com/a.mp3"
SENT = [(dialect, kind) for dialect, kinds in SENT_TYPES.items() for kind in sorted(kinds)]
BY_URL = ("mistral.chat", "gemini", "gemini.interactions")


def audio_of(files: Files, kind: str) -> AudioContent:
    if kind in EXAMPLES:
        return AudioContent.from_bytes(files[EXAMPLES[kind]], kind)
    return AudioContent.from_bytes(bytes(1000), f"{kind};rate=24000")


def asked(audio: AudioContent) -> ModelRequest:
    return ModelRequest(messages=(Message.user(["What is said here?", audio]),))


def in_wire(payload: Any) -> bool:
    """Whether a payload holds audio."""
    text = str(payload)
    return any(mark in text for mark in ("input_audio", "audio/", "'audio'"))


@pytest.mark.parametrize(("dialect", "kind"), SENT)
def test_f_med05_the_sdk_takes_what_is_sent(files: Files, dialect: str, kind: str) -> None:
    wire = target(dialect)
    payload = wire.encode(asked(audio_of(files, kind)))
    assert in_wire(payload)
    refusals = wire.refusals_of(payload)
    if (dialect, kind) == ("openai.chat", "audio/mp4"):
        # OpenAI's SDK names wav and mp3 only; mp4 is for compatible servers, as table W2 has it.
        assert "Input should be 'wav' or 'mp3'" in str(refusals)
    else:
        assert refusals == []


@pytest.mark.parametrize("dialect", BY_URL)
def test_f_med05_the_sdk_takes_urls_and_file_ids(dialect: str) -> None:
    wire = target(dialect)
    given = [AudioContent.from_url(URL)]
    if dialect != "mistral.chat":
        given.append(AudioContent.from_file_id("https://example.com/files/f", "gemini", "audio/flac"))
    for audio in given:
        payload = wire.encode(asked(audio))
        assert (audio.url or audio.file_id or "") in str(payload)
        assert wire.refusals_of(payload) == []


@pytest.mark.parametrize("dialect", [each.name for each in TARGETS if each.name not in SENT_TYPES])
def test_f_med05_other_wires_refuse_before_any_network(files: Files, dialect: str) -> None:
    for audio in (audio_of(files, "audio/wav"), AudioContent.from_url(URL)):
        with pytest.raises(UnsupportedContentError) as caught:
            target(dialect).encode(asked(audio))
        assert "audio" in str(caught.value)
        assert dialect in str(caught.value)
        assert caught.value.context["message"] == 0
        assert caught.value.context["block"] == 1


@pytest.mark.parametrize("dialect", list(SENT_TYPES))
def test_f_n39_an_unsupported_part_is_the_typed_error_with_its_place(dialect: str) -> None:
    audio = AudioContent(data=b"x", mime_type="audio/basic")
    with pytest.raises(UnsupportedContentError, match="audio/basic is not taken on") as caught:
        target(dialect).encode(asked(audio))
    assert caught.value.context["mime_type"] == "audio/basic"


async def test_f_med05_the_simulator_takes_what_is_sent(files: Files) -> None:
    with SimServer() as server:
        for dialect, kind in SENT:
            model = target(dialect).make(server.base_url_of(dialect))
            done = await model.complete(asked(audio_of(files, kind)))
            assert done.message is not None, (dialect, kind)
            assert done.message.text, (dialect, kind)
            await model.aclose()
