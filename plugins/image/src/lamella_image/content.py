"""``ImageContent``: an image in a message."""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError, UnsupportedContentError
from lamella_image.encode import SENT_TYPES, encode_image
from lamella_image.files import mime_type_of, read_file, sniff

__all__ = ["ImageContent"]


@attrs.frozen(kw_only=True, repr=False)
class ImageContent(MediaContent):
    """An image: bytes, an http(s) URL, or the id of a file at a provider.

    ``ImageContent(file_id=…, provider="openai")`` names an uploaded file; the other forms have a
    constructor of their own.
    """

    type: ClassVar[Literal["image"]] = "image"
    default_mime_type: ClassVar[str] = "image/png"

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], mime_type: str | None = None) -> Self:
        """The image in a file, given by its path or its ``file://`` URL; read now, on this thread.

        :param mime_type: the type; unless given, that which the bytes show, else that of the extension,
            else ``application/octet-stream``, which no provider takes.
        :raises AgentInputError: the file is missing, unreadable or empty.
        """
        place, data = read_file(path)
        return cls(data=data, mime_type=mime_type or mime_type_of(place, data))

    @classmethod
    async def afrom_file(cls, path: str | os.PathLike[str], mime_type: str | None = None) -> Self:
        """``from_file`` off the event loop."""
        return await asyncio.to_thread(cls.from_file, path, mime_type)

    @classmethod
    def from_url(cls, url: str, mime_type: str = "image/jpeg") -> Self:
        """The image behind an http(s) URL, which is passed on to the provider; nothing is fetched.

        :param mime_type: a hint.
        :raises AgentInputError: not an http(s) URL.
        """
        if urlsplit(url).scheme.lower() not in ("http", "https"):
            shown = f"{url!r:.80}"
            raise AgentInputError(
                f"from_url takes an http(s) URL, got {shown}; use from_file for files and from_base64 for data"
            )
        return cls(url=url, mime_type=mime_type)

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None) -> Self:
        """An image in memory. Without ``mime_type`` it is what the bytes show, else ``image/png``."""
        shown = sniff(data) if mime_type is None and isinstance(data, bytes) else None
        return super().from_bytes(data, mime_type or shown)

    @classmethod
    def from_base64(cls, data: str, mime_type: str | None = None) -> Self:
        """An image from base64 text. Without ``mime_type`` it is what the bytes show, else ``image/png``."""
        image = super().from_base64(data, mime_type)
        shown = None if mime_type or image.data is None else sniff(image.data)
        return image if shown is None else attrs.evolve(image, mime_type=shown)

    def to_openai_block(self) -> dict[str, Any]:
        """The part of a Chat Completions message.

        :raises UnsupportedContentError: the format, or a file id, has no form there.
        """
        return self._block("openai.chat")

    def to_anthropic_block(self) -> dict[str, Any]:
        """The block of an Anthropic message.

        :raises UnsupportedContentError: the format, or another provider's file id, has no form there.
        """
        return self._block("anthropic.messages")

    def _block(self, dialect: str) -> dict[str, Any]:
        block = encode_image(self, dialect)
        if block is not None:
            return block
        what = f"an image of type {self.mime_type}" if self.mime_type not in SENT_TYPES else "this file id"
        raise UnsupportedContentError(
            f"{what} has no form on {dialect}; send {', '.join(sorted(SENT_TYPES))} as bytes or by URL",
            context={"content_type": self.type, "mime_type": self.mime_type, "dialect": dialect},
        )
