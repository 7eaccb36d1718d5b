"""Limits of what a tool gives back: text is cut with a mark that says so, media are refused."""

from __future__ import annotations

import logging
import unicodedata
from typing import Any

import attrs

from lamella._json import dumps
from lamella.content import Block, MediaContent, TextBlock
from lamella.errors import AgentToolExecutionError

__all__ = ["cut", "limited", "output_size"]

_log = logging.getLogger(__name__)

_JOINERS = "\u200d\ufe0e\ufe0f"


def cut(text: str, limit: int | None, kind: str = "characters") -> str:
    """The first ``limit`` characters of a text and a mark that tells how many are left out; short text as it is."""
    if limit is None or len(text) <= limit:
        return text
    end = _boundary(text, limit)
    return f"{text[:end]}\n[cut: {len(text) - end:,} of {len(text):,} {kind} left out]"


def _boundary(text: str, limit: int) -> int:
    """A place where no letter is parted from its accents; the limit where there is none near."""
    for end in range(limit, max(limit - 16, 0), -1):
        joined = unicodedata.combining(text[end]) or text[end] in _JOINERS or text[end - 1] == "\u200d"
        if not joined:
            return end
    return limit


def limited(output: Any, tool_name: str, max_chars: int | None, max_bytes: int | None) -> Any:
    """A normalised output within its limits. JSON beyond them is cut as the text that it is in.

    :raises AgentToolExecutionError: media beyond ``max_bytes``, which cannot be cut.
    """
    if isinstance(output, tuple):
        _check_bytes(output, tool_name, max_bytes)
        return output if max_chars is None else _cut_blocks(output, tool_name, max_chars)
    if max_chars is None or output is None or isinstance(output, bool | int | float):
        return output
    if isinstance(output, str):
        return _told(output, cut(output, max_chars), tool_name)
    text = dumps(output)
    shown = cut(text, max_chars, "characters of JSON")
    return output if shown is text else _told(text, shown, tool_name)


def _cut_blocks(blocks: tuple[Block, ...], tool_name: str, limit: int) -> tuple[Block, ...]:
    """The blocks with their text cut: the first texts stay, the mark is where the cut is."""
    whole = "".join(block.text for block in blocks if isinstance(block, TextBlock))
    if len(whole) <= limit:
        return blocks
    shown = _told(whole, cut(whole, limit), tool_name)
    kept: list[Block] = []
    left = _boundary(whole, limit)
    mark = shown[left:]
    for block in blocks:
        if not isinstance(block, TextBlock):
            kept.append(block)
        elif len(block.text) <= left:
            kept.append(block)
            left -= len(block.text)
        elif mark:
            kept.append(attrs.evolve(block, text=block.text[:left] + mark))
            left, mark = 0, ""
    return tuple(kept)


def _told(whole: str, shown: str, tool_name: str) -> str:
    if shown is not whole:
        _log.info("the output of tool %s was cut: %d characters became %d", tool_name, len(whole), len(shown))
    return shown


def _check_bytes(blocks: tuple[Block, ...], tool_name: str, limit: int | None) -> None:
    size = sum(len(block.data or b"") for block in blocks if isinstance(block, MediaContent))
    if limit is not None and size > limit:
        raise AgentToolExecutionError(
            f"tool {tool_name} returned {size:,} bytes of media, and its max_output_bytes is {limit:,}; "
            "ask for less or for something smaller"
        )


def output_size(output: Any) -> int:
    """About how much memory a normalised output takes: its characters as JSON or text, its media in bytes."""
    if isinstance(output, tuple):
        return sum(
            len(block.text) if isinstance(block, TextBlock) else len(getattr(block, "data", None) or b"")
            for block in output
        )
    return len(output) if isinstance(output, str) else len(dumps(output))
