"""Images made smaller, or into another format, with Pillow."""

from __future__ import annotations

import io
import math
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from lamella._frozen import EMPTY
from lamella.errors import AgentInputError
from lamella_image.decode import bytes_of, label_of, opened, reading
from lamella_image.formats import FORMATS, SENT_TYPES
from lamella_image.limits import Limits, check_type, limits_of
from lamella_image.probe import ImageInfo, probe

if TYPE_CHECKING:
    from PIL import Image

    from lamella.content import MediaContent

__all__ = ["Bounds", "bounds", "convert", "downscale"]

M = TypeVar("M", bound="MediaContent")

_QUALITY: Final = 85
_LOSSY: Final = ("image/jpeg", "image/webp", "image/avif")
_MAX_TRIES: Final = 24
_ORIENTATION: Final = 0x0112
_TURNED: Final = (5, 6, 7, 8)  # its height is its width
_MAX_PROFILE: Final = 1 << 20  # bytes of a colour profile that is kept


@attrs.frozen
class Bounds:
    """What an image is to fit: pixels of the longer side, pixels in all, bytes of the file."""

    max_side: int | None = None
    max_pixels: int | None = None
    max_bytes: int | None = None

    def fit(self, info: ImageInfo) -> bool:
        """Whether it does already."""
        return (
            (self.max_side is None or max(info.width, info.height) <= self.max_side)
            and (self.max_pixels is None or info.width * info.height <= self.max_pixels)
            and (self.max_bytes is None or info.bytes <= self.max_bytes)
        )

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The largest size of the same shape within the bounds."""
        scale = 1.0 if self.max_side is None else min(1.0, self.max_side / max(width, height))
        if self.max_pixels is not None:
            scale = min(scale, math.sqrt(self.max_pixels / (width * height)))
        small, large = sorted((max(1, round(width * scale)), max(1, round(height * scale))))
        if self.max_pixels is not None and small * large > self.max_pixels:
            small, large = sorted((max(1, int(width * scale)), max(1, int(height * scale))))
            large = max(1, min(large, self.max_pixels // small))  # less for a line of pixels
        return (small, large) if width <= height else (large, small)


def bounds(
    max_side: int | None, max_pixels: int | None, max_bytes: int | None, dialect: str | None
) -> Bounds:
    """The stricter of what is given and what the wire takes.

    :raises AgentInputError: nothing is given, no positive number, or no known wire.
    """
    given = {"max_side": max_side, "max_pixels": max_pixels, "max_bytes": max_bytes}
    for name, value in given.items():
        if value is not None and (type(value) is not int or value < 1):
            raise AgentInputError(f"{name} must be a positive int, got {value!r:.50}")
    if dialect is None and not any(given.values()):
        raise AgentInputError("say what it shall fit: max_side, max_pixels, max_bytes or for_dialect")
    limits = Limits() if dialect is None else limits_of(dialect)
    return Bounds(
        _stricter(max_side, limits.max_side),
        _stricter(max_pixels, limits.max_pixels),
        _stricter(max_bytes, limits.most_bytes),
    )


def _stricter(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)


def downscale(image: M, within: Bounds, dialect: str | None) -> M:
    """See :meth:`ImageContent.downscaled`."""
    info = probe(image)
    if dialect is not None:
        check_type(image, info.mime_type, dialect)
    if within.fit(info):
        return image
    kind, label = info.mime_type, label_of(image)
    _refuse_frames(info, label, "scaled down")
    if not FORMATS[kind].written:
        raise AgentInputError(f"{label}: {kind} is not written here; use image.converted('image/png') first")
    with reading(label):
        picture = _decoded(kind, bytes_of(image), within.size(info.width, info.height))
        data, size = _fitting(picture, kind, within, label)
    note = {
        "from": [info.width, info.height],
        "to": list(size),
        "from_bytes": info.bytes,
        "to_bytes": len(data),
        "for": dialect,
    }
    return _remade(image, data, kind, "downscaled", note)


def convert(image: M, mime_type: str) -> M:
    """See :meth:`ImageContent.converted`."""
    target = type(image).synonyms.get(mime_type, mime_type)
    if target not in SENT_TYPES:
        raise AgentInputError(
            f"mime_type must be one of {', '.join(sorted(SENT_TYPES))}, got {mime_type!r:.100}"
        )
    info = probe(image)
    if info.mime_type == target:
        return image
    label = label_of(image)
    _refuse_frames(info, label, "converted")
    with reading(label):
        picture = _decoded(info.mime_type, bytes_of(image), None)
        data = _written(_for_format(picture, target, label), target, _QUALITY)
    note = {"from": info.mime_type, "to": target, "from_bytes": info.bytes, "to_bytes": len(data)}
    return _remade(image, data, target, "converted", note)


def _refuse_frames(info: ImageInfo, label: str, done: str) -> None:
    if info.frames > 1:
        raise AgentInputError(
            f"{label}: has {info.frames} frames or pages and is not {done}, because only one would be left; "
            "choose one with Pillow (seek, save) and use from_bytes"
        )


def _remade(image: M, data: bytes, kind: str, what: str, note: dict[str, Any]) -> M:
    """The image with other bytes; what vendors attached to the old ones does not belong to these."""
    name = image.name
    if name is not None and kind != image.mime_type:
        name = str(PurePath(name).with_suffix("." + kind.removeprefix("image/")))
    meta = {**image.meta, what: note}
    return attrs.evolve(image, data=data, mime_type=kind, name=name, meta=meta, opaque=EMPTY)


# -- pixels ---------------------------------------------------------------------------------------


def _decoded(kind: str, data: bytes, size: tuple[int, int] | None) -> Image.Image:
    """The picture upright, in a mode that can be scaled, and of a size."""
    from PIL import Image, ImageOps

    picture, _ = opened(kind, data)
    if size is not None:
        picture.draft(None, size)  # a JPEG is decoded at a fraction of its size
    # A TIFF is turned by its reader.
    if size is not None and kind != "image/tiff" and picture.getexif().get(_ORIENTATION) in _TURNED:
        size = (size[1], size[0])
    shown = ImageOps.exif_transpose(picture)
    profile = shown.info.get("icc_profile")
    keeps = profile if shown.mode in ("L", "LA", "RGB", "RGBA", "P", "PA") else None
    shown = _plain(shown)
    if size is not None and shown.size != size:
        shown = shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    # EXIF, comments and the rest stay behind: where a photo was taken is nobody's business.
    shown.info = {"icc_profile": keeps} if keeps and len(keeps) <= _MAX_PROFILE else {}
    return shown


def _plain(picture: Image.Image) -> Image.Image:
    """The picture as L, LA, RGB or RGBA."""
    mode = picture.mode
    if mode in ("LA", "RGBA"):
        return picture
    if mode.startswith("I;16"):
        # Its conversion to L would cut off everything above 255.
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    if mode in ("I", "F"):
        raise AgentInputError(
            f"pixels of mode {mode} have no known range; scale them to 8 bits with Pillow first"
        )
    if picture.has_transparency_data:
        return picture.convert("LA" if mode in ("1", "L") else "RGBA")
    return picture if mode in ("L", "RGB") else picture.convert("L" if mode == "1" else "RGB")


def _for_format(picture: Image.Image, kind: str, label: str) -> Image.Image:
    """The picture in a mode that the format has."""
    if kind == "image/jpeg" and picture.mode in ("LA", "RGBA"):
        if picture.getchannel("A").getextrema() != (255, 255):
            raise AgentInputError(
                f"{label}: has transparent pixels, which JPEG cannot hold; use image/png or image/webp"
            )
        return _keeping_profile(picture, picture.mode.removesuffix("A"))
    if picture.mode == "LA" and kind != "image/png":
        return _keeping_profile(picture, "RGBA")
    return picture


def _keeping_profile(picture: Image.Image, mode: str) -> Image.Image:
    changed = picture.convert(mode)
    changed.info = {} if mode.startswith("RGB") != picture.mode.startswith("RGB") else dict(picture.info)
    return changed


def _fitting(picture: Image.Image, kind: str, within: Bounds, label: str) -> tuple[bytes, tuple[int, int]]:
    """The picture as a file within the bounds: at lower quality first, where there is one, then smaller."""
    from PIL import Image

    picture = _for_format(picture, kind, label)
    info = dict(picture.info)
    qualities = [_QUALITY, 75, 65] if kind in _LOSSY else [_QUALITY]
    for _ in range(_MAX_TRIES):
        quality = qualities.pop(0) if len(qualities) > 1 else qualities[0]
        data = _written(picture, kind, quality)
        if within.max_bytes is None or len(data) <= within.max_bytes:
            return data, picture.size
        if picture.size == (1, 1):
            break
        if len(qualities) == 1 and quality == qualities[0]:
            scale = min(0.9, 0.95 * math.sqrt(within.max_bytes / len(data)))
            size = (max(1, int(picture.width * scale)), max(1, int(picture.height * scale)))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
            picture.info = dict(info)
    raise AgentInputError(f"{label}: cannot be brought under {within.max_bytes:,} bytes as {kind}")


def _written(picture: Image.Image, kind: str, quality: int) -> bytes:
    options: dict[str, Any] = {"quality": quality} if kind in _LOSSY else {}
    if kind == "image/tiff":
        options["compression"] = "tiff_deflate"
    if "icc_profile" in picture.info:
        options["icc_profile"] = picture.info["icc_profile"]
    out = io.BytesIO()
    picture.save(out, FORMATS[kind].name, **options)
    return out.getvalue()
