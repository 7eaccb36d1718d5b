"""What a message is made of: text, reasoning, tool calls and outputs, media, and what we do not know.

``type`` is the JSON tag of a block. Content plugins subclass :class:`MediaContent`; a tag that no
installed plugin claims is read as :class:`OpaqueContent` and survives a round trip.
"""

from __future__ import annotations

from lamella.content.blocks import Block, OpaqueContent, ReasoningBlock, TextBlock, ToolCallBlock
from lamella.content.media import MediaContent
from lamella.content.outputs import ToolOutputBlock

__all__ = [
    "Block",
    "MediaContent",
    "OpaqueContent",
    "ReasoningBlock",
    "TextBlock",
    "ToolCallBlock",
    "ToolOutputBlock",
]
