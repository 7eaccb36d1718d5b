"""The pictures of events that are about to be shown, drawn on a thread of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from lamella.content import Block, MediaContent
from lamella.events import Event, MediaOutputDone, StreamStart, ToolOutputDone
from lamella_console._thumbnail import Thumbnail, thumbnail
from lamella_console.pictures import is_image

__all__ = ["Gallery"]


class Gallery:
    """Thumbnails from when their event comes until it is shown, which may be later when agents talk at once."""

    def __init__(self) -> None:
        self._hung: dict[
            int, tuple[Block, Thumbnail]
        ] = {}  # by identity: equal blocks cost a hash of their bytes

    async def hang(self, event: Event) -> None:
        """Draw the images of an event; what cannot be drawn is left out."""
        for block in _images(event):
            assert block.data is not None
            picture = await asyncio.to_thread(thumbnail, block.data)
            if picture is not None:
                self._hung[id(block)] = (block, picture)

    def take(self, block: Block) -> Thumbnail | None:
        """The picture of a block, once."""
        found = self._hung.pop(id(block), None)
        return None if found is None else found[1]


def _images(event: Event) -> Iterator[MediaContent]:
    blocks: tuple[Block, ...] = ()
    if isinstance(event, MediaOutputDone):
        blocks = (event.media,)
    elif isinstance(event, ToolOutputDone) and isinstance(event.output, tuple):
        blocks = event.output
    elif isinstance(event, StreamStart) and event.input:
        blocks = event.input[-1].content
    return (block for block in blocks if is_image(block))
