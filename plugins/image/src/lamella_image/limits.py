"""What the vendors' APIs take of one image, each with its source. ``None`` is unknown or without a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella.errors import AgentInputError, UnsupportedContentError
from lamella_image.formats import SENT_TYPES, shape

if TYPE_CHECKING:
    from lamella.content import MediaContent
    from lamella_image.probe import ImageInfo

__all__ = ["LIMITS", "Limits", "check_bytes", "check_info", "check_type", "limits_of", "refusal"]

_MB: Final = 1 << 20  # the vendors count so: the message of a 400 for "5 MB" says 5242880 bytes


@attrs.frozen(kw_only=True)
class Limits:
    """What one wire takes.

    ``max_bytes`` is of the file, ``max_encoded`` of its base64, ``max_side`` and ``max_pixels`` of the picture.
    ``animated=False``: the vendor takes single frames only.
    """

    types: frozenset[str] = SENT_TYPES
    max_bytes: int | None = None
    max_encoded: int | None = None
    max_side: int | None = None
    max_pixels: int | None = None
    animated: bool | None = None
    source: str | None = None

    @property
    def most_bytes(self) -> int | None:
        """The stricter of the two limits, of the file."""
        both = (self.max_bytes, None if self.max_encoded is None else self.max_encoded // 4 * 3)
        return min((limit for limit in both if limit is not None), default=None)


# "PNG, JPEG, WEBP, non-animated GIF; up to 512 MB total payload size per request". Larger pictures are scaled.
_OPENAI: Final = Limits(
    max_encoded=512 * _MB,
    animated=False,
    source="https://developers.openai.com/api/docs/guides/images-vision",
)
# "The maximal dimensions per image are 8000x8000 px" (2000x2000 in requests of more than 20 images), "10 MB
# (base64-encoded) when using the Claude API directly" (5 MB on Bedrock and Google Cloud).
_ANTHROPIC: Final = Limits(
    max_encoded=10 * _MB,
    max_side=8000,
    source="https://platform.claude.com/docs/en/build-with-claude/vision",
)
# "Non-animated GIF with only one frame", "file size limit is 10Mb", an error above 10000x10000.
_MISTRAL: Final = Limits(
    max_bytes=10 * _MB,
    max_side=10_000,
    animated=False,
    source="https://docs.mistral.ai/capabilities/vision",
)
# Inline data up to 100 MB a request; PNG, JPEG, WEBP, HEIC, HEIF, and GIF by the SDK's types.
_GEMINI: Final = Limits(
    types=SENT_TYPES | {"image/heic", "image/heif"},
    max_encoded=100 * _MB,
    source="https://ai.google.dev/gemini-api/docs/file-input-methods",
)

LIMITS: Final[Mapping[str, Limits]] = {
    "openai.chat": _OPENAI,
    "openai.responses": _OPENAI,
    "anthropic.messages": _ANTHROPIC,
    "mistral.chat": _MISTRAL,
    "gemini": _GEMINI,
    "gemini.interactions": _GEMINI,
    "ollama": Limits(),  # the model's own business
}


def limits_of(dialect: str) -> Limits:
    """The limits of a wire.

    :raises AgentInputError: there is no such wire here.
    """
    if dialect not in LIMITS:
        raise AgentInputError(f"no limits are known for {dialect!r}; known are {', '.join(LIMITS)}")
    return LIMITS[dialect]


def refusal(image: MediaContent, dialect: str, reason: str, **facts: Any) -> UnsupportedContentError:
    """The error for an image that a wire does not take."""
    what = image.name or f"image of type {image.mime_type}"
    return UnsupportedContentError(
        f"{what} is not taken on {dialect}: {reason}",
        context={"content_type": image.type, "mime_type": image.mime_type, "dialect": dialect, **facts},
    )


_WAYS: Final[Mapping[str, str]] = {
    "image/bmp": "image.converted('image/png') makes a PNG of it",
    "image/tiff": "image.converted('image/png') makes a PNG of it",
    "image/avif": "image.converted('image/png') makes a PNG of it",
    "image/x-icon": "image.converted('image/png') makes a PNG of it",
    "image/heic": "convert it with pillow-heif",
    "image/heif": "convert it with pillow-heif",
    "image/svg+xml": "it is a drawing: render it, with cairosvg for instance",
    "application/octet-stream": "its bytes show no type; if you know it, give it as mime_type",
}


def check_type(image: MediaContent, kind: str, dialect: str) -> None:
    """Refuse a format that the wire does not take.

    :raises UnsupportedContentError: it is one.
    """
    taken = LIMITS[dialect].types
    if kind in taken:
        return
    way = _WAYS.get(kind)
    if way is None:
        way = "convert it first" if kind.startswith("image/") else "that is no image"
    formats = ", ".join(sorted(each.removeprefix("image/") for each in taken))
    raise refusal(image, dialect, f"{kind} has no form there, which takes {formats}; {way}")


def check_bytes(image: MediaContent, dialect: str) -> None:
    """Refuse more bytes than the vendor takes.

    :raises UnsupportedContentError: there are more.
    """
    limits, size = LIMITS[dialect], image.size
    most = limits.most_bytes
    if size is not None and most is not None and size > most:
        raise _over(image, dialect, "max_bytes", f"{size:,} bytes", f"{most:,}", size, most)


def check_info(image: MediaContent, info: ImageInfo, dialect: str) -> None:
    """Refuse what the vendor would refuse of an image that was probed.

    :raises UnsupportedContentError: the limit, the value, and what to do.
    """
    limits = limits_of(dialect)
    check_type(image, info.mime_type, dialect)
    check_bytes(image, dialect)
    if limits.animated is False and info.frames > 1:
        raise refusal(
            image,
            dialect,
            f"it has {info.frames} frames, and animations are not taken ({limits.source}); send one frame of it",
            limit="animated",
            value=info.frames,
        )
    side, pixels = max(info.width, info.height), info.width * info.height
    shown = f"{shape(info.width, info.height)} pixels"
    if limits.max_side is not None and side > limits.max_side:
        raise _over(image, dialect, "max_side", shown, f"{limits.max_side:,} a side", side, limits.max_side)
    if limits.max_pixels is not None and pixels > limits.max_pixels:
        raise _over(image, dialect, "max_pixels", shown, f"{limits.max_pixels:,}", pixels, limits.max_pixels)


def _over(
    image: MediaContent, dialect: str, limit: str, has: str, most: str, value: int, at_most: int
) -> UnsupportedContentError:
    source = LIMITS[dialect].source
    reason = (
        f"it has {has}, over the vendor's limit of {most} ({source}); make it smaller with "
        f"image.downscaled(for_dialect={dialect!r})"
    )
    return refusal(image, dialect, reason, limit=limit, value=value, max=at_most)
