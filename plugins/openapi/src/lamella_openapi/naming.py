"""Legal names, of tools and of their arguments, the same on every run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from lamella_openapi.notes import Notes
from lamella_openapi.operations import Operation

__all__ = ["legal_key", "tool_names"]


def tool_names(operations: Sequence[Operation], most: int, notes: Notes) -> list[str]:
    """A name of ``[a-zA-Z0-9_-]`` for each operation, from its id, else from method and path.

    A name that is too long ends in a hash; the second operation of a name gets ``_2``.
    """
    taken: set[str] = set()
    names = []
    long = 0
    for operation in operations:
        wanted = operation.operation_id or f"{operation.method.lower()} {operation.path}"
        stem = _shorter(_legal(wanted, "_-") or "operation", most)
        name, number = stem, 2
        while name in taken:
            end = f"_{number}"
            name, number = f"{stem[: most - len(end)]}{end}", number + 1
        taken.add(name)
        names.append(name)
        if name != stem:
            notes.add(f"two operations would be called {stem!r}; {operation.label} is {name!r}")
        long += len(_legal(wanted, "_-")) > most
    if long:
        notes.add(f"{long} names are longer than {most} characters and end in a hash")
    return names


def legal_key(name: str, taken: set[str]) -> str:
    """A name that vendors take for an argument, ``[a-zA-Z0-9_.-]{1,64}``, and that is not ``taken`` yet."""
    stem = _shorter(_legal(name, "_.-") or "value", 64)
    key, number = stem, 2
    while key in taken:
        end = f"_{number}"
        key, number = f"{stem[: 64 - len(end)]}{end}", number + 1
    taken.add(key)
    return key


def _legal(text: str, more: str) -> str:
    if re.fullmatch(rf"[A-Za-z0-9{more}]+", text):
        return text
    return re.sub(rf"[^A-Za-z0-9{more}]+", "_", text).strip("_")


def _shorter(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[: most - 9]}_{digest}"
