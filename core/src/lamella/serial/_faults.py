"""Wording what went wrong: where in the document, and what."""

from __future__ import annotations

import math
from typing import Any

from lamella._frozen import JSON
from lamella.errors import AgentInputError, AgentSerializationError, LamellaError

__all__ = ["find_foreign", "worded"]


def worded(fault: BaseException, cls: type[Any]) -> LamellaError:
    """One typed error for a fault of the converter: the first that happened, with its place."""
    path, leaf = _first_leaf(fault)
    place = f"{cls.__name__}{path}"
    if isinstance(leaf, AgentInputError):
        return AgentInputError(f"{place}: {leaf}", context=leaf.context, cause=leaf)
    if isinstance(leaf, LamellaError) and not isinstance(leaf, AgentSerializationError):
        return leaf
    if isinstance(leaf, KeyError):
        return AgentSerializationError(f"{place}: the field is missing", cause=leaf)
    message = str(leaf) if isinstance(leaf, LamellaError) else f"{type(leaf).__name__}: {leaf}"
    return AgentSerializationError(f"{place}: {message}", cause=leaf)


def _first_leaf(fault: BaseException) -> tuple[str, BaseException]:
    """The innermost first error of nested groups, and the path to it as in ``.content[1].text``."""
    path = ""
    while True:
        if not isinstance(fault, BaseExceptionGroup):
            return path, fault
        fault = fault.exceptions[0]
        path += _step(fault)


def _step(fault: BaseException) -> str:
    for note in getattr(fault, "__notes__", ()):
        if (name := getattr(note, "name", None)) is not None:
            return f".{name}"
        if (index := getattr(note, "index", None)) is not None:
            return f"[{index}]"
    return ""


def find_foreign(value: JSON, path: str = "") -> str | None:
    """Where in a would-be JSON value the first thing is that JSON cannot hold, ``None`` if all fits."""
    if isinstance(value, dict):
        for key, item in value.items():
            if (found := find_foreign(item, f"{path}.{key}")) is not None:
                return found
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if (found := find_foreign(item, f"{path}[{index}]")) is not None:
                return found
    elif isinstance(value, float) and not math.isfinite(value):
        return f"{path} is {value}, which JSON cannot hold"
    elif not isinstance(value, str | int | float | None):
        return f"{path} is of type {type(value).__name__}, which JSON cannot hold"
    return None
