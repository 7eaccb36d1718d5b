"""How a file of lines ends: whole, or torn by a crash."""

from __future__ import annotations

import os
from typing import Any, BinaryIO, Final

import attrs

from lamella_jsonl._lines import document_of

__all__ = ["Ending", "line_number", "read_ending"]

_BLOCK: Final = 1 << 16


@attrs.frozen
class Ending:
    """Where the whole lines of a file end.

    ``whole`` counts the bytes of whole lines, ``torn`` those behind them. ``last`` is the document of the last whole
    line, ``None`` where there is none, or where it is no document; ``damaged`` is then where that line begins.
    ``unended`` says that the last line lacks nothing but its newline.
    """

    whole: int
    torn: int
    last: dict[str, Any] | None
    unended: bool = False
    damaged: int | None = None


def read_ending(file: BinaryIO) -> Ending:
    """Look at the end of a file, backwards.

    Torn is what stands behind the last newline and is no document, and last lines with NUL bytes in them: after a
    power cut a file may have its new size before it has its new bytes.
    """
    size = file.seek(0, os.SEEK_END)
    end = _line_start(file, size)
    tail = _read(file, end, size).rstrip(b"\0")
    if tail and (document := document_of(tail)) is not None:
        whole = end + len(tail)
        return Ending(whole, size - whole, document, unended=True)
    while end:
        start = _line_start(file, end - 1)
        line = _read(file, start, end - 1)
        if (document := document_of(line)) is not None:
            return Ending(end, size - end, document)
        if b"\0" not in line:
            return Ending(end, size - end, None, damaged=start)
        end = start
    return Ending(0, size, None)


def line_number(file: BinaryIO, offset: int) -> int:
    """The number of the line that begins at an offset, from 1."""
    file.seek(0)
    count, left = 1, offset
    while left and (block := file.read(min(_BLOCK, left))):
        count += block.count(b"\n")
        left -= len(block)
    return count


def _line_start(file: BinaryIO, end: int) -> int:
    """Where the line begins that ends before ``end``: behind the newline before it."""
    while end:
        start = max(0, end - _BLOCK)
        found = _read(file, start, end).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
