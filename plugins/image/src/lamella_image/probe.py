"""What an image file is: its format, pixels and frames, and whether it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from lamella_image.decode import bytes_of, kind_of, label_of, opened, reading
from lamella_image.formats import FORMATS

if TYPE_CHECKING:
    from lamella.content import MediaContent

__all__ = ["ImageInfo", "pixel_size", "probe"]

_DECODED_PIXELS: Final = 1 << 24  # 16 Mi: 64 MB of memory, and under a second
_SHOWN_BYTES: Final = 1 << 25


@attrs.frozen(kw_only=True)
class ImageInfo:
    """What :meth:`ImageContent.probe` found.

    ``format`` is Pillow's name of the format (``"PNG"``). ``width`` and ``height`` are pixels as they
    are stored: an orientation in the EXIF data is not applied. ``frames`` is more than one for an animation
    and for pages of a TIFF. ``bytes`` is the size of the file.
    """

    format: str
    mime_type: str
    width: int
    height: int
    frames: int
    bytes: int


def probe(image: MediaContent) -> ImageInfo:
    """Look into the bytes; see :meth:`ImageContent.probe`."""
    kind, data = kind_of(image), bytes_of(image)
    with reading(label_of(image)):
        picture, frames = opened(kind, data)
        width, height = picture.size
        if kind == "image/png":
            picture.verify()  # checksums and the end, without pixels
            picture, _ = opened(kind, data)
        elif (
            kind == "image/jpeg" and "progressive" not in picture.info
        ):  # that is held whole before it is scaled
            picture.draft(picture.mode, (max(1, width // 8), max(1, height // 8)))
        if picture.size[0] * picture.size[1] <= _DECODED_PIXELS:
            picture.load()
    return ImageInfo(
        format=FORMATS[kind].name,
        mime_type=kind,
        width=width,
        height=height,
        frames=frames,
        bytes=len(data),
    )


def pixel_size(image: MediaContent) -> tuple[int, int] | None:
    """Width and height from the header, ``None`` where that is not cheap, not safe or not possible."""
    from lamella.errors import AgentInputError

    if image.data is None or len(image.data) > _SHOWN_BYTES:
        return None
    try:
        kind = kind_of(image)
        with reading(label_of(image)):
            return opened(kind, image.data)[0].size
    except AgentInputError:
        return None  # a line that shows an image is no place to complain of it
