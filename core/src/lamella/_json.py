"""JSON text, one spelling for the whole package: stdlib ``json``, no NaN, lone surrogates survive."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from lamella._frozen import JSON
from lamella.errors import AgentSerializationError

__all__ = ["dumps", "loads", "parse_object"]


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
    range of a float is no number: it could not be written back.
    """
    if not text or text.isspace():
        return {}
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
