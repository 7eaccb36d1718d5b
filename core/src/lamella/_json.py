"""JSON text, one spelling for the whole package: stdlib ``json``, no NaN, lone surrogates survive."""

from __future__ import annotations

import json
from typing import Any

from lamella._frozen import JSON
from lamella.errors import AgentSerializationError

__all__ = ["dumps", "loads", "parse_object"]


def dumps(value: JSON, *, indent: int | None = None) -> str:
    """Write JSON. A value that JSON cannot hold (NaN, bytes, an object) is an ``AgentSerializationError``."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentSerializationError(f"cannot be written as JSON: {error}", cause=error) from error


def loads(text: str | bytes) -> JSON:
    """Read JSON; malformed text is an ``AgentSerializationError`` with the position."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AgentSerializationError(f"not valid JSON: {error}", cause=error) from error


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_object(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``, or ``None`` if it holds anything else.

    Blank text is the empty object: servers send it for a call without arguments.
    """
    if not text or text.isspace():
        return {}
    try:
        value = json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
