"""Reads token counts as vendors report them: what is no count is unknown, and nothing goes below zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamella._frozen import Wire

__all__ = ["less", "read_count", "read_table"]


def read_count(value: Wire) -> int | None:
    """A count, ``None`` for anything that is none; some servers send it as a float."""
    if value is None or (type(value) is int and 0 <= value < 10**18):
        return value  # what is usual
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return max(int(value), 0) if abs(value) < 1e18 else None


def less(whole: int | None, *parts: int | None) -> int | None:
    """What is left of a count without parts that it includes; parts that were not reported take nothing."""
    if whole is None:
        return None
    for part in parts:
        whole -= part or 0
    return max(whole, 0)


def read_table(value: Wire) -> Mapping[str, Any]:
    """A JSON object, empty for anything that is none."""
    return value if isinstance(value, Mapping) else {}
