"""JSON text, one spelling for the whole package: stdlib ``json``, no NaN, lone surrogates survive."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from lamella._frozen import JSON
from lamella.errors import AgentSerializationError

__all__ = ["MAX_OBJECT_CHARS", "MAX_OBJECT_DEPTH", "deeper_than", "dumps", "loads", "parse_object"]

MAX_OBJECT_CHARS: Final = 1_000_000
"""The longest text that :func:`parse_object` reads: far beyond what a model can write in one answer."""

MAX_OBJECT_DEPTH: Final = 128
"""The deepest nesting that :func:`parse_object` reads; everything that walks JSON recursively can do that much."""


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value


# Built once: the functions of ``json`` build a new one for each call with options.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_DECODER: Final = json.JSONDecoder(parse_constant=_reject_constant, parse_float=_finite)


def dumps(value: JSON, *, indent: int | None = None) -> str:
    """Write JSON. A value that JSON cannot hold (NaN, bytes, an object) is an ``AgentSerializationError``.

    The text can always be encoded as UTF-8: where a string holds a lone surrogate, it is escaped.
    """
    try:
        if indent is None:
            text = _ENCODER.encode(value)
        else:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
        if not text.isascii() and not _encodable(text):
            text = json.dumps(value, allow_nan=False, indent=indent)
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentSerializationError(f"cannot be written as JSON: {error}", cause=error) from error
    return text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def loads(text: str | bytes) -> JSON:
    """Read JSON; malformed text is an ``AgentSerializationError`` with the position."""
    try:
        if isinstance(text, bytes | bytearray):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise AgentSerializationError(f"not valid JSON: {error}", cause=error) from error


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``, or ``None`` if it holds anything else.

    Blank text is the empty object: servers send it for a call without arguments. A number beyond the
    range of a float is no number: it could not be written back. Text beyond :data:`MAX_OBJECT_CHARS`
    or :data:`MAX_OBJECT_DEPTH` is not read: it costs nothing, whoever wrote it.
    """
    if not text or text.isspace():
        return {}
    if len(text) > MAX_OBJECT_CHARS:
        return None
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    nested = text.count("[") + text.count("{") > MAX_OBJECT_DEPTH
    return None if nested and deeper_than(value, MAX_OBJECT_DEPTH) else value


def deeper_than(value: JSON, depth: int) -> bool:
    """Whether objects and lists are nested in more than ``depth`` levels; walks them level by level."""
    level = [value] if isinstance(value, dict | list | tuple) else []
    for _ in range(depth):
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, dict | list | tuple)
        ]
        if not level:
            return False
    return bool(level)
