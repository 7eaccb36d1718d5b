"""``ImageContent``: an image in a message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, get_args

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella_image import formats, limits
from lamella_image.encode import write_image
from lamella_image.probe import ImageInfo, pixel_size, probe

__all__ = ["Detail", "ImageContent"]

Detail = Literal["low", "high", "auto", "original"]
"""How closely a model is to look. ``original``: without scaling the image down."""


def _check_detail(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and value not in get_args(Detail):
        raise AgentInputError(
            f"ImageContent.detail must be one of {', '.join(get_args(Detail))}, got {value!r:.50}"
        )


@attrs.frozen(kw_only=True, repr=False)
class ImageContent(MediaContent):
    """An image: bytes, an http(s) URL, or the id of a file at a provider.

    ``detail`` is sent where a wire has a place for it, and refused where it has no such value. On
    ``anthropic.messages`` and ``ollama``, which have no such thing, it is a hint that is not written.

    Nothing here fetches, and only ``from_file`` reads a file. An image is sent as it is: ``downscaled`` and
    ``converted`` are never called for you.
    """

    type: ClassVar[Literal["image"]] = "image"
    default_mime_type: ClassVar[str] = "image/png"
    extensions: ClassVar[Mapping[str, str]] = formats.EXTENSIONS
    synonyms: ClassVar[Mapping[str, str]] = formats.SYNONYMS

    detail: Detail | None = attrs.field(default=None, validator=_check_detail)

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        """The MIME type that the bytes show, of images and anything else."""
        return formats.sniff(data)

    @classmethod
    def from_url(cls, url: str, mime_type: str | None = "image/jpeg", **fields: Any) -> Self:
        """The image behind an http(s) URL, which is passed on to the provider; nothing is fetched.

        :param mime_type: a hint.
        :raises AgentInputError: not an http(s) URL.
        """
        return super().from_url(url, mime_type, **fields)

    # -- what it is -----------------------------------------------------------------------------------

    def facts(self) -> list[str]:
        """Name or address, type, size in bytes, and size in pixels where that is cheap. Never raises."""
        size = pixel_size(self)
        return [*super().facts(), *([] if size is None else [formats.shape(*size)])]

    def probe(self) -> ImageInfo:
        """Look into the bytes: format, pixels, frames, and whether the file is whole.

        Pixels are decoded up to 16 million, of a JPEG at an eighth of its size; above that the header and the
        structure are checked. Time and memory are bounded whatever the bytes are.

        :raises AgentInputError: the bytes are not here, are no image, are of another type than the image says,
            are damaged or truncated, or claim more pixels than ``PIL.Image.MAX_IMAGE_PIXELS``.
        """
        return probe(self)

    async def aprobe(self) -> ImageInfo:
        """:meth:`probe` off the event loop."""
        return await asyncio.to_thread(self.probe)

    def check_for(self, dialect: str) -> ImageInfo:
        """:meth:`probe`, and compare with what the vendor takes: format, bytes, pixels, frames.

        :param dialect: the wire, such as ``anthropic.messages``.
        :raises AgentInputError: see :meth:`probe`; or no such wire.
        :raises UnsupportedContentError: over a limit; says which, and what to do.
        """
        limits.limits_of(dialect)
        info = probe(self)
        limits.check_info(self, info, dialect)
        return info

    # -- made smaller, made into another format -----------------------------------------------------------

    def downscaled(
        self,
        *,
        max_side: int | None = None,
        max_pixels: int | None = None,
        max_bytes: int | None = None,
        for_dialect: str | None = None,
    ) -> Self:
        """An image that fits, in the same format; this one when it does already.

        It is upright (an EXIF orientation is applied) and has no EXIF data; its colour profile stays. To come
        under ``max_bytes`` a JPEG, WebP or AVIF loses quality before it loses size. ``meta["downscaled"]`` says
        what was done: ``from`` and ``to`` in pixels, ``from_bytes``, ``to_bytes``, and ``for``, the dialect.

        :param max_side: pixels of the longer side.
        :param max_pixels: pixels in all.
        :param max_bytes: bytes of the file.
        :param for_dialect: a wire, whose vendor's limits are to be kept too.
        :raises AgentInputError: see :meth:`probe`; or it is animated or has pages, which would be lost.
        :raises UnsupportedContentError: the wire does not take the format at any size.
        """
        from lamella_image.resize import bounds, downscale

        return downscale(self, bounds(max_side, max_pixels, max_bytes, for_dialect), for_dialect)

    async def adownscaled(
        self,
        *,
        max_side: int | None = None,
        max_pixels: int | None = None,
        max_bytes: int | None = None,
        for_dialect: str | None = None,
    ) -> Self:
        """:meth:`downscaled` off the event loop."""
        return await asyncio.to_thread(
            self.downscaled,
            max_side=max_side,
            max_pixels=max_pixels,
            max_bytes=max_bytes,
            for_dialect=for_dialect,
        )

    def converted(self, mime_type: str = "image/png") -> Self:
        """The image in another format (PNG, JPEG, GIF or WebP); this one when it has it already.

        For what is recognised but sent nowhere: BMP, TIFF, AVIF, icons. ``meta["converted"]`` says ``from``,
        ``to``, ``from_bytes`` and ``to_bytes``.

        :raises AgentInputError: see :meth:`probe`; it is animated or has pages; or it has transparent pixels
            and is to be a JPEG.
        """
        from lamella_image.resize import convert

        return convert(self, mime_type)

    async def aconverted(self, mime_type: str = "image/png") -> Self:
        """:meth:`converted` off the event loop."""
        return await asyncio.to_thread(self.converted, mime_type)

    # -- the wires ----------------------------------------------------------------------------------------

    def to_openai_block(self) -> dict[str, Any]:
        """The part of a Chat Completions message.

        :raises UnsupportedContentError: the format, or a file id, has no form there.
        """
        return write_image(self, "openai.chat")

    def to_anthropic_block(self) -> dict[str, Any]:
        """The block of an Anthropic message.

        :raises UnsupportedContentError: the format, or another provider's file id, has no form there.
        """
        return write_image(self, "anthropic.messages")
