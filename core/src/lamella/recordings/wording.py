"""What changed, as lines: ``-`` before, ``+`` after, and a little of what stands around it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

__all__ = ["changed_lines"]

_AROUND: Final = 2
_HUNK: Final = re.compile(r"@@ -(\d+)")
_LONGEST: Final = 2000
"""Lines: comparing more takes too long, and nobody reads it."""


def changed_lines(before: Any, after: Any) -> Iterator[str]:
    """A unified diff of two values, each text or JSON, without its head; ``None`` has no lines."""
    left, right = _lines(before), _lines(after)
    begin = _common(left, right)
    end = _common(left[begin:][::-1], right[begin:][::-1])
    middle = max(len(left), len(right)) - begin - end
    if middle > _LONGEST:
        yield f"{len(left)} lines before, {len(right)} after; the first that differs is line {begin + 1}:"
        yield from (f"-{line}" for line in left[begin : begin + 1])
        yield from (f"+{line}" for line in right[begin : begin + 1])
        return
    keep_from = max(begin - _AROUND, 0)
    keep_to = max(end - _AROUND, 0)
    one, other = left[keep_from : len(left) - keep_to], right[keep_from : len(right) - keep_to]
    found = difflib.unified_diff(one, other, lineterm="", n=_AROUND)
    next(found, None), next(found, None)  # the names of files, which there are not
    for line in found:
        hunk = _HUNK.match(line)
        if hunk is None:
            yield line
        elif (first := keep_from + int(hunk[1])) > 1:
            yield f"@@ line {first} @@"


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return text.split("\n")


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines both begin with."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
