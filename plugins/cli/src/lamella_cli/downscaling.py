"""``--downscale``: images brought to the limits of the model's wire before they are sent."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

from lamella.content import Block, MediaContent
from lamella.errors import PluginError
from lamella.messages import Message
from lamella_cli.output import notice
from lamella_console.plain import describe_media

__all__ = ["downscale"]


async def downscale(message: Message, dialect: str | None) -> Message:
    """The message with its images within the limits; each that became smaller is said in a line.

    :param dialect: the model's wire; a model without one has no known limits, which is said too.
    :raises PluginError: the image plugin is too old to scale images.
    :raises LamellaError: an image cannot be read.
    """
    if not any(map(_can_be_scaled, message.content)):
        return message
    if dialect is None:
        notice("--downscale: the limits of this model are not known; images are sent as they are")
        return message
    blocks = [await asyncio.to_thread(_scaled, block, dialect) for block in message.content]
    for before, after in zip(message.content, blocks, strict=True):
        if after is not before and after != before:
            notice(f"downscaled for {dialect}: {describe_media(before)} to {describe_media(after)}")
    return attrs.evolve(message, content=blocks)


def _can_be_scaled(block: Block) -> bool:
    return isinstance(block, MediaContent) and block.type == "image" and block.data is not None


def _scaled(block: Any, dialect: str) -> Block:
    if not _can_be_scaled(block):
        kept: Block = block
        return kept
    scale = getattr(block, "downscaled", None)
    if scale is None:
        raise PluginError(
            "--downscale needs a lamella-image that can scale images; get it: pip install -U lamella-image"
        )
    smaller: Block = scale(for_dialect=dialect)
    return smaller
