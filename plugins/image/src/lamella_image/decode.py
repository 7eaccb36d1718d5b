"""Opening image bytes with Pillow, within bounds, so that nothing but an ``AgentInputError`` comes out.

The reader of the one format that the bytes show is called itself. ``Image.open`` would try every reader
that is installed, and would *warn* of a bomb, which only the whole process can turn into an error.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from lamella.errors import AgentInputError
from lamella_image.formats import FORMATS, sniff
from lamella_image.structure import Trap, check_size, walk

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from lamella.content import MediaContent

__all__ = ["MAX_READ_BYTES", "bytes_of", "kind_of", "label_of", "opened", "reading"]

MAX_READ_BYTES: Final = 100_000_000
"""Larger files are not looked into: no vendor takes one, and damaged ones keep a reader busy for long."""

_ELSEWHERE: Final = {
    "image/heic": "Pillow does not read HEIC: convert it with pillow-heif",
    "image/heif": "Pillow does not read HEIF: convert it with pillow-heif",
    "image/svg+xml": "SVG is no picture but a drawing: render it with cairosvg",
}


def label_of(image: MediaContent) -> str:
    """What errors call it."""
    return image.name or type(image).__name__


def bytes_of(image: MediaContent) -> bytes:
    """The bytes.

    :raises AgentInputError: they are not here.
    """
    if image.data is not None:
        return image.data
    where = "behind a URL" if image.url is not None else "a file at its provider"
    raise AgentInputError(
        f"{label_of(image)}: its bytes are not here ({where}); load them yourself and use from_bytes"
    )


def kind_of(image: MediaContent) -> str:
    """The type that the bytes show, if it is one that is read here and the one that the image says.

    :raises AgentInputError: it is not.
    """
    data, label = bytes_of(image), label_of(image)
    kind = sniff(data[:8192])
    if kind is None or kind not in FORMATS:
        shown = kind or image.mime_type
        why = _ELSEWHERE.get(shown, "the bytes are no image that is known here")
        raise AgentInputError(f"{label}: cannot be read as an image ({shown}): {why}")
    said = image.mime_type.partition(";")[0].strip().lower()
    if said.startswith("image/") and type(image).synonyms.get(said, said) != kind:
        raise AgentInputError(f"{label}: says {said}, but its bytes are {kind}; give the right mime_type")
    if len(data) > MAX_READ_BYTES:
        raise AgentInputError(
            f"{label}: has {len(data):,} bytes; more than {MAX_READ_BYTES:,} are not read: make it smaller first"
        )
    return kind


@contextmanager
def reading(label: str) -> Iterator[None]:
    """Make an ``AgentInputError`` of whatever reading or writing an image raises."""
    try:
        yield
    except AgentInputError:
        raise
    except Trap as trap:
        raise AgentInputError(f"{label}: {trap}", cause=trap) from trap
    except MemoryError as error:
        raise AgentInputError(f"{label}: does not fit into memory", cause=error) from error
    except Exception as error:  # Pillow's readers raise whatever they stumble over
        cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
        what = "is truncated" if cut else "is damaged"
        raise AgentInputError(
            f"{label}: {what} ({type(error).__name__}); get an intact copy of the file", cause=error
        ) from error


def opened(kind: str, data: bytes) -> tuple[ImageFile, int]:
    """The image with its header read and its size checked, and its frames or pages. For use in ``reading``."""
    frames = walk(kind, data)
    form = FORMATS[kind]
    reader: Any = getattr(import_module(form.module), form.reader)
    image: ImageFile = reader(io.BytesIO(data))
    check_size(*image.size)
    return image, getattr(image, "n_frames", 1) if frames is None else frames
