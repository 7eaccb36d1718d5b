"""Steps that make media: where the bytes come from, what is made in process, and what a model declares to take."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from lamella.config import content_class
from lamella.content import MediaContent, OpaqueContent, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.errors import AgentInputError, ConfigError, UnsupportedContentError
from lamella.events import MediaOutputDone
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.serial import from_json, to_json
from lamella_sim import Audio, ChatSim, Document, Image, Script, load_script
from lamella_sim.magic import agrees, pixels, sniff
from lamella_sim.received import ReceivedAudio, ReceivedDocument, ReceivedImage
from lamella_sim.samples import red_png, short_pdf, silent_wav


def test_the_samples_are_what_they_say() -> None:
    with Pillow.open(io.BytesIO(red_png())) as image:
        assert image.format == "PNG"
        assert image.size == (8, 8)
        assert image.getpixel((7, 7)) == (255, 0, 0)
    with wave.open(io.BytesIO(silent_wav())) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(0.1)
        assert not any(sound.readframes(9999))
    assert [sniff(make()) for make in (red_png, silent_wav, short_pdf)] == [
        "image/png",
        "audio/wav",
        "application/pdf",
    ]


def test_the_sample_pdf_has_one_page() -> None:
    pypdf = pytest.importorskip("pypdf")
    (page,) = pypdf.PdfReader(io.BytesIO(short_pdf()), strict=True).pages
    assert page.extract_text().strip() == "Simulated"


def test_bytes_show_their_type() -> None:
    shown = {
        b"\xff\xd8\xff\xe0": "image/jpeg",
        b"GIF89a\x05\x00\x07\x00": "image/gif",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp",
        b"ID3\x04": "audio/mpeg",
        b"OggS": "audio/ogg",
        b"\x00\x00\x00\x20ftypavif": "image/avif",
        b"abc": None,
        b"": None,
    }
    assert {data: sniff(data) for data in shown} == shown
    assert pixels(b"GIF89a\x05\x00\x07\x00") == (5, 7)
    assert pixels(red_png()) == (8, 8)
    assert pixels(b"abc") is None
    assert agrees(silent_wav(), "audio/x-wav")
    assert agrees(b"abc", "image/png")
    assert not agrees(silent_wav(), "audio/mpeg")


def test_where_the_bytes_of_a_step_come_from(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(red_png())
    given = base64.b64encode(red_png()).decode()
    same = [Image(), Image(file), Image(data=red_png()), Image(base64=given)]
    assert [(step.data, step.mime_type, step.format) for step in same] == [
        (red_png(), "image/png", "png")
    ] * 4
    assert (Audio().mime_type, Document().mime_type) == ("audio/wav", "application/pdf")
    assert Audio(data=b"ID3\x04", transcript="hi").format == "mp3"
    assert given not in repr(Image(base64=given))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Image("nowhere.png"), "nowhere.png"),
        (lambda: Image(base64="?"), "image:"),
        (lambda: Image(data=b"x", base64="eA=="), "give one of file, data and base64"),
        (lambda: Image(data=silent_wav()), "the bytes are audio/wav"),
        (lambda: Image(data=red_png(), mime_type="image/jpeg"), "the bytes are image/png"),
        (lambda: Audio(data=b"x", mime_type="image/png"), "the bytes are image/png"),
        (lambda: Image(partial=9), "must be 0 to 3"),
    ],
)
def test_what_is_no_such_media_is_refused(make: Any, message: str) -> None:
    with pytest.raises(AgentInputError, match=message):
        make()


SCRIPT = """
inputs = ["text", "image"]

[[turns]]
steps = [ "Here:", { image = "pictures/a.png", partial = 2 }, { audio = {}, transcript = "hush" } ]

[[turns]]
document = {}
"""


def test_a_script_file_names_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(red_png())
    (tmp_path / "s.toml").write_text(SCRIPT)
    script = load_script(tmp_path / "s.toml")
    turns: Any = script.turns
    first, second = turns
    _, image, audio = first.steps
    assert (image.data, image.partial, audio.transcript) == (red_png(), 2, "hush")
    assert second.steps == (Document(),)
    assert ChatSim(script=script).capabilities.inputs == {"text", "image"}


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        ({"image": "no.png"}, "turn 1: image:"),
        ({"image": {"paht": "a"}}, "unknown key 'paht'"),
        ({"image": {"base64": "??"}}, "turn 1: image:"),
    ],
)
def test_a_faulty_script_says_where(turn: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_script({"turns": [turn]})
    with pytest.raises(ConfigError, match="'inputs' must be a list of kinds"):
        load_script({"turns": [], "inputs": "image"})


# -- in process -----------------------------------------------------------------------------------


async def test_a_model_in_process_makes_media() -> None:
    model = ChatSim(script=Script.of(["Look.", Image(), Audio(transcript="hush"), Document()]))
    events = [event async for event in model.stream(ModelRequest.of("Draw."))]
    made = [event.media for event in events if isinstance(event, MediaOutputDone)]
    assert [media.type for media in made] == ["image", "audio", "document"]
    for media, data in zip(made, (red_png(), silent_wav(), short_pdf()), strict=True):
        held = media.data if isinstance(media, MediaContent) else base64.b64decode(media.data["data"])
        assert held == data
        assert isinstance(media, content_class(media.type) or OpaqueContent)
    assert model.capabilities.outputs == {"text", "image", "audio", "document"}
    assert ChatSim().capabilities.outputs == {"text"}
    message: Any = (await model.complete("Draw.")).message
    assert [block.type for block in message.content] == ["text", "image", "audio", "document"]


async def test_f_med08_made_media_without_its_plugin_is_opaque_and_reads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lamella.config.content_class", lambda kind: None)
    completion = await ChatSim(script=Script.of([Audio(transcript="hush")])).complete("Speak.")
    message: Any = completion.message
    (audio,) = message.content
    assert isinstance(audio, OpaqueContent)
    assert (audio.type, audio.data["mime_type"], audio.data["alt"]) == ("audio", "audio/wav", "hush")
    read: Any = from_json(to_json(message), Message)
    assert read.content[0].type == "audio"


IMAGE = ReceivedImage(data=b"12345", mime_type="image/png")


@pytest.mark.parametrize(
    ("messages", "where"),
    [
        (
            [Message.user(["a", ReceivedAudio(data=b"x")])],
            r"no audio content \[message 0 \(user\), block 1\]",
        ),
        ([Message.user(["a", OpaqueContent(type="geojson")])], r"no geojson content \[message 0"),
        (
            [
                Message.user("a"),
                Message.assistant([ToolCallBlock(call_id="1", name="f")]),
                Message.user([ToolOutputBlock(call_id="1", output=(ReceivedDocument(data=b"x"),))]),
            ],
            r"no document content \[message 2 \(user\), block 0\]",
        ),
    ],
)
async def test_f_n39_media_that_is_not_declared_is_refused(messages: Any, where: str) -> None:
    model = ChatSim(inputs=["text", "image"])
    with pytest.raises(UnsupportedContentError, match=where):
        await model.complete(messages)
    assert [problem.code for problem in model.check(messages)] == ["agent.content.unsupported"]
    assert model.settings["inputs"] == ["image", "text"]


async def test_the_setting_wins_over_the_script() -> None:
    script = Script.of("ok", inputs=["text"])
    with pytest.raises(UnsupportedContentError, match="sim:demo takes no image content"):
        await ChatSim(script=script).complete(Message.user(["a", IMAGE]))
    taken = await ChatSim(script=script, inputs=("text", "image")).complete(Message.user(["a", IMAGE]))
    assert taken.content == "ok"
    with pytest.raises(ConfigError, match="inputs must be a list"):
        ChatSim(inputs="image")
    with pytest.raises(AgentInputError, match="inputs is a list"):
        Script.of("ok", inputs="image")


async def test_answers_name_the_media_of_tool_outputs() -> None:
    call = ToolCallBlock(call_id="1", name="shot", arguments={})
    output = ToolOutputBlock(call_id="1", output=(TextBlock(text=""), IMAGE))
    history = [Message.user("Take a shot."), Message.assistant([call]), Message.user([output])]
    reply = await ChatSim().complete(history)
    assert reply.content == "According to shot(), the answer is an image (image/png, 5 bytes)."
