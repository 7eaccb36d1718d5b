"""The steps in which a model makes media: an image, audio, a document."""

from __future__ import annotations

import base64 as codec
import mimetypes
import os
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import attrs

from lamella.errors import AgentInputError
from lamella_sim.magic import agrees, canonical, kind_of, sniff
from lamella_sim.samples import SAMPLES

__all__ = ["MAKING", "Audio", "Document", "Image", "Made"]

_FORMATS = {"image": "image/png", "audio": "audio/wav", "document": "application/pdf"}


@attrs.frozen
class _Made:
    """Media that the model makes: from a ``file``, ``data`` (bytes) or ``base64``; without them, a sample.

    ``data`` and ``mime_type`` are always set: the type is what the bytes show, else that of the file's
    extension, else the usual one. A file is read when the step is made.

    :raises AgentInputError: several sources, an unreadable file, no base64, or bytes of another kind.
    """

    kind: ClassVar[str]
    file: str | os.PathLike[str] | None = None
    data: bytes = attrs.field(default=b"", kw_only=True, repr=False)
    base64: str | None = attrs.field(default=None, kw_only=True, repr=False, eq=False)
    mime_type: str = attrs.field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if sum(bool(source) for source in (self.file, self.data, self.base64)) > 1:
            raise AgentInputError(f"{self.kind}: give one of file, data and base64, or none for a sample")
        data = self._bytes()
        if not isinstance(data, bytes) or not data:
            raise AgentInputError(f"{self.kind}: {self.file or 'data'} holds no bytes")
        guessed = mimetypes.guess_type(str(self.file))[0] if self.file else None
        mime_type = self.mime_type or sniff(data) or guessed or _FORMATS[self.kind]
        if self.kind == "audio" and canonical(mime_type) == "audio/mp4":
            mime_type = "audio/mp4"  # its first bytes are those of a video
        if kind_of(mime_type) != self.kind or not agrees(data, mime_type):
            raise AgentInputError(f"{self.kind}: the bytes are {sniff(data) or mime_type}")
        for name, value in (("data", data), ("base64", None), ("mime_type", mime_type)):
            object.__setattr__(self, name, value)

    def _bytes(self) -> Any:
        try:
            if self.file is not None:
                return Path(self.file).read_bytes()
            if self.base64 is not None:
                return codec.b64decode(self.base64, validate=True)
        except (OSError, ValueError, TypeError) as error:
            raise AgentInputError(f"{self.kind}: {error}", cause=error) from error
        return self.data or SAMPLES[self.kind]()

    @property
    def base64_data(self) -> str:
        """The bytes in base64."""
        return codec.b64encode(self.data).decode("ascii")

    @property
    def format(self) -> str:
        """The subtype: ``png``, ``wav``; ``mp3`` for ``audio/mpeg``."""
        subtype = canonical(self.mime_type).partition("/")[2]
        return "mp3" if subtype == "mpeg" else subtype

    @classmethod
    def beside(cls, folder: Path, **fields: Any) -> Self:
        """A step of a script file: its ``file`` lies relative to the script's folder."""
        file = fields.get("file")
        return cls(**{**fields, "file": folder / file}) if isinstance(file, str) else cls(**fields)


def _few(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, int) or not 0 <= value <= 3:
        raise AgentInputError(f"image: 'partial' must be 0 to 3, got {value!r}")


@attrs.frozen
class Image(_Made):
    """The model makes an image; the sample is red, 8 by 8 pixels, PNG.

    ``partial`` is how many partial images a stream of the Responses API shows before it.
    """

    kind: ClassVar[str] = "image"
    partial: int = attrs.field(default=0, validator=_few, kw_only=True)


@attrs.frozen
class Audio(_Made):
    """The model speaks; the sample is a tenth of a second of silence, WAV. ``transcript`` is what it says."""

    kind: ClassVar[str] = "audio"
    transcript: str = attrs.field(default="", kw_only=True)


@attrs.frozen
class Document(_Made):
    """The model makes a document; the sample is a PDF of one page. No vendor's wire has a form for it."""

    kind: ClassVar[str] = "document"


Made: TypeAlias = Image | Audio | Document
MAKING = (Image, Audio, Document)
