"""Schemas with an object at their root, which is what wires want there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["flat_schema"]


def flat_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a reference at its root replaced by what it refers to; wires want an object there."""
    reference = schema.get("$ref")
    definitions = schema.get("$defs", {})
    if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
        return dict(schema)
    name = reference.removeprefix("#/$defs/")
    target = definitions.get(name)
    if not isinstance(target, Mapping):
        return dict(schema)
    # A class that refers to itself still needs its definition.
    kept = {
        key: body for key, body in definitions.items() if key != name or _mentions(definitions, reference)
    }
    return {**target, "$defs": kept} if kept else dict(target)


def _mentions(value: Any, reference: str) -> bool:
    if isinstance(value, Mapping):
        return value.get("$ref") == reference or any(_mentions(item, reference) for item in value.values())
    return isinstance(value, list | tuple) and any(_mentions(item, reference) for item in value)
