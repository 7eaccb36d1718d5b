"""Names in configuration and code: equal keys, near misses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["canonical", "did_you_mean", "nearest"]


def canonical(key: str) -> str:
    """The form in which keys are compared: dashes and underscores are equal."""
    return key.replace("-", "_")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was probably meant to be."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing when no known name is near."""
    near = nearest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"
