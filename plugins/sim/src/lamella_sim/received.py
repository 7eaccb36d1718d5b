"""Media as the server read it from a request: classes of its own, so that it needs no content plugin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final, Literal

import attrs

from lamella.content import Block, MediaContent, ToolOutputBlock
from lamella.messages import Message
from lamella_sim.magic import kind_of

__all__ = [
    "Place",
    "ReceivedAudio",
    "ReceivedDocument",
    "ReceivedImage",
    "ReceivedVideo",
    "places",
    "received",
]


@attrs.frozen(kw_only=True, repr=False)
class ReceivedImage(MediaContent):
    """An image in a request."""

    type: ClassVar[Literal["image"]] = "image"
    default_mime_type: ClassVar[str] = "image/*"


@attrs.frozen(kw_only=True, repr=False)
class ReceivedAudio(MediaContent):
    """Audio in a request."""

    type: ClassVar[Literal["audio"]] = "audio"
    default_mime_type: ClassVar[str] = "audio/*"


@attrs.frozen(kw_only=True, repr=False)
class ReceivedDocument(MediaContent):
    """A document in a request."""

    type: ClassVar[Literal["document"]] = "document"
    default_mime_type: ClassVar[str] = "application/*"


@attrs.frozen(kw_only=True, repr=False)
class ReceivedVideo(MediaContent):
    """A video in a request."""

    type: ClassVar[Literal["video"]] = "video"
    default_mime_type: ClassVar[str] = "video/*"


_CLASSES: Final[dict[str, type[MediaContent]]] = {
    "image": ReceivedImage,
    "audio": ReceivedAudio,
    "document": ReceivedDocument,
    "video": ReceivedVideo,
}


def received(kind: str | None = None, **fields: Any) -> MediaContent:
    """Media of a kind; unless it is given, of that which its MIME type says.

    A MIME type of ``None`` is one that the request did not say.
    """
    if fields.get("mime_type") is None:
        fields.pop("mime_type", None)
    return _CLASSES[kind or kind_of(fields.get("mime_type", ""))](**fields)


@attrs.frozen
class Place:
    """Media in a history: the message's index, the block's, and that of the part in a tool output."""

    media: MediaContent
    message: int
    block: int
    part: int | None = None


def places(messages: Iterable[Message]) -> Iterator[Place]:
    """The media of a history in order, that of tool outputs among them."""
    for index, message in enumerate(messages):
        for number, block in enumerate(message.content):
            yield from _in_block(block, index, number)


def _in_block(block: Block, index: int, number: int) -> Iterator[Place]:
    if isinstance(block, MediaContent):
        yield Place(block, index, number)
    elif isinstance(block, ToolOutputBlock):
        for place, part in enumerate(block.parts or ()):
            if isinstance(part, MediaContent):
                yield Place(part, index, number, place)
