"""Content in plain words, safe to print: for terminals, lists and logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from lamella._json import dumps
from lamella.content import Block, MediaContent, OpaqueContent, TextBlock

__all__ = ["cut", "describe_media", "describe_output", "media_in", "printable"]

_MOST: Final = 400
"""Characters of a description."""

# A model's text must not steer the terminal: control characters become visible signs.
_CONTROLS: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t\r"},
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    0x7F: 0x2421,
    0x0D: None,
}


def printable(text: str) -> str:
    """The text without control characters but newline and tab; ``\\r`` is left out, others are made visible."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def cut(text: str, width: int) -> str:
    """The text, or its first ``width`` characters and how many are left out; 0 cuts nothing."""
    if not width or len(text) <= width:
        return text
    return f"{text[:width]}… ({len(text) - width} more)"


def describe_output(output: Any) -> str:
    """A tool's output (text, JSON, or blocks) as one line."""
    if isinstance(output, tuple):
        output = " ".join(
            part.text if isinstance(part, TextBlock) else describe_media(part) for part in output
        )
    return " ".join((output if isinstance(output, str) else dumps(output)).split())


def describe_media(block: Block) -> str:
    """``[photo.png, image/png, 1.2 MB]``: name or address, type, size, and what its plugin knows; one line."""
    if isinstance(block, MediaContent):
        return f"[{cut(printable(' '.join(block.describe().split())), _MOST)}]"
    return f"[{printable(block.type)}]" if isinstance(block, OpaqueContent) else f"[{type(block).__name__}]"


def media_in(parts: Iterable[Block]) -> Iterator[Block]:
    """The media among blocks, also of content types that are not installed."""
    return (part for part in parts if isinstance(part, MediaContent | OpaqueContent))
