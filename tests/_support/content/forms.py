"""The rows of the content tables: every form in which a message can hold media, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import attrs
from content import samples
from swap.targets import Target

from lamella.content import MediaContent, TextBlock, ToolCallBlock, ToolOutputBlock
from lamella.messages import Message
from lamella.models import ModelRequest
from lamella.tools import tool
from lamella_audio import AudioContent
from lamella_document import DocumentContent
from lamella_image import ImageContent

__all__ = ["ASKED", "FORMS", "ChartContent", "Form", "Place", "form"]

Place: TypeAlias = Literal["user", "output", "assistant"]
ASKED = "What is it?"


@attrs.frozen(kw_only=True, repr=False)
class ChartContent(MediaContent):
    """Somebody's own type, which no installed plugin writes."""

    type: ClassVar[Literal["chart"]] = "chart"
    default_mime_type: ClassVar[str] = "application/x-chart"


@tool
def camera() -> str:
    """Take a picture."""
    return ""


@attrs.frozen(eq=False)
class Form:
    """A row: media in one form, at one place of a conversation.

    :param of: makes it for a wire; only the file ids of vendors differ.
    """

    group: str
    name: str
    of: Callable[[Target], MediaContent] = attrs.field(repr=False)
    place: Place = "user"
    own: bool = False

    @property
    def at(self) -> tuple[int, int]:
        """The message and the block that it is in."""
        return {"user": (0, 1), "output": (2, 0), "assistant": (1, 0)}[self.place]

    def messages(self, to: Target) -> tuple[Message, ...]:
        """A conversation that holds it."""
        media, asked = self.of(to), TextBlock(text=ASKED)
        if self.place == "user":
            return (Message.user([asked, media]),)
        if self.place == "assistant":
            return (Message.user("Make one."), Message.assistant([media]), Message.user([asked]))
        call = ToolCallBlock(call_id="aB3dE6gH9", name="camera", arguments={})
        output = ToolOutputBlock(call_id="aB3dE6gH9", name="camera", output=(TextBlock(text="Here:"), media))
        return (Message.user([asked]), Message.assistant([call]), Message.user([output]))

    def request(self, to: Target, **fields: Any) -> ModelRequest:
        """What is sent."""
        tools = (camera,) if self.place == "output" else ()
        return ModelRequest(messages=self.messages(to), tools=tools, **fields)


def form(name: str) -> Form:
    """The row of this name."""
    return next(each for each in FORMS if each.name == name)


def _always(made: MediaContent) -> Callable[[Target], MediaContent]:
    return lambda _: made


_OWN = {
    "openai": "file-6F2ksmvXxt4VdoqmHRw6kL",
    "anthropic": "file_011CNha8iCJcU1wXNR6q4V8w",
    "mistral": "5f6c2a7e-40b8-4a3b-9c59-0d7c2b1e8f11",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/files/abc-123",
    "ollama": "file-1",
}


def _own(cls: type[MediaContent]) -> Callable[[Target], MediaContent]:
    return lambda to: cls.from_file_id(_OWN[to.issuer], to.issuer)


def _other(cls: type[MediaContent]) -> Callable[[Target], MediaContent]:
    return lambda _: cls.from_file_id("file-of-somebody-else", "acme")


def _image(name: str, kind: str, **fields: Any) -> Form:
    return Form("images", name, _always(ImageContent.from_bytes(samples.image(kind), **fields)))


def _audio(name: str, data: bytes) -> Form:
    return Form("audio", name, _always(AudioContent.from_bytes(data)))


def _document(label: str, data: bytes, mime_type: str | None = None, **fields: Any) -> Form:
    return Form("documents", label, _always(DocumentContent.from_bytes(data, mime_type, **fields)))


PNG = ImageContent.from_bytes(samples.image("PNG"))
WAV = AudioContent.from_bytes(samples.audio("WAV"))
PDF = DocumentContent.from_bytes(samples.paper(), name="report.pdf")

FORMS: tuple[Form, ...] = (
    _image("PNG, bytes", "PNG"),
    _image("JPEG, bytes", "JPEG"),
    _image("GIF, bytes", "GIF"),
    _image("WebP, bytes", "WEBP"),
    Form("images", "image, URL", _always(ImageContent.from_url("https://example.com/cat.jpg"))),
    Form("images", "image, file id of the vendor", _own(ImageContent), own=True),
    Form("images", "image, file id of another vendor", _other(ImageContent)),
    _image('PNG, `detail="low"`', "PNG", detail="low"),
    _image('PNG, `detail="original"`', "PNG", detail="original"),
    _image("BMP, bytes", "BMP"),
    _image("TIFF, bytes", "TIFF"),
    _image("AVIF, bytes", "AVIF"),
    _audio("WAV, bytes", samples.audio("WAV")),
    _audio("MP3, bytes", samples.audio("MP3")),
    _audio("MP4 (AAC), bytes", samples.mp4()),
    _audio("OGG, bytes", samples.audio("OGG")),
    _audio("FLAC, bytes", samples.audio("FLAC")),
    Form("audio", "audio, URL", _always(AudioContent.from_url("https://example.com/memo.mp3"))),
    Form("audio", "audio, file id of the vendor", _own(AudioContent), own=True),
    Form("audio", "audio, file id of another vendor", _other(AudioContent)),
    _document("PDF, bytes", samples.paper(), name="report.pdf"),
    Form("documents", "PDF, URL", _always(DocumentContent.from_url("https://example.com/report.pdf"))),
    Form("documents", "PDF, file id of the vendor", _own(DocumentContent), own=True),
    Form("documents", "PDF, file id of another vendor", _other(DocumentContent)),
    _document("plain text, bytes", samples.TEXT, "text/plain", name="list.txt"),
    _document("Markdown, bytes", samples.MARKDOWN, "text/markdown", name="stations.md"),
    _document("Word (docx), bytes", samples.DOCX, name="letter.docx"),
    _document("PDF, `title`, `citations`", samples.paper(), title="Report", citations=True),
    _document("PDF, `context`", samples.paper(), context="Of last year."),
    Form("other", "a type that no plugin writes", _always(ChartContent(data=b"chart"))),
    Form("media in the output of a tool", "image in an output", _always(PNG), "output"),
    Form("media in the output of a tool", "document in an output", _always(PDF), "output"),
    Form("media in the output of a tool", "audio in an output", _always(WAV), "output"),
    Form("media of the assistant", "image of the assistant", _always(PNG), "assistant"),
    Form(
        "media of the assistant",
        "image of the assistant, `alt`",
        _always(attrs.evolve(PNG, alt="A red square.")),
        "assistant",
    ),
    Form(
        "media of the assistant",
        "speech of the assistant",
        _always(WAV),
        "assistant",
    ),
    Form(
        "media of the assistant",
        "speech of the assistant, `alt`",
        _always(attrs.evolve(WAV, alt="Good morning.")),
        "assistant",
    ),
)
"""In the order of the tables."""
