"""Schemas of tools without references: Ollama's server reads no ``$ref`` in a property of a tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamella.providers import Wire

__all__ = ["without_references"]

_PREFIX: Final = "#/$defs/"


def without_references(schema: Mapping[str, Any]) -> dict[str, Wire]:
    """The schema with every reference replaced by what it refers to.

    One that refers to itself stays a reference where it would repeat, and its definition stays too.
    """
    definitions = schema.get("$defs")
    if not isinstance(definitions, Mapping):
        return dict(schema)
    left: set[str] = set()
    body = {key: value for key, value in schema.items() if key != "$defs"}
    made = _inlined(body, definitions, (), left)
    if left:
        made["$defs"] = {name: definitions[name] for name in _reachable(left, definitions)}
    return dict(made)


def _inlined(value: Wire, definitions: Mapping[str, Wire], inside: tuple[str, ...], left: set[str]) -> Wire:
    if isinstance(value, list | tuple):
        return [_inlined(item, definitions, inside, left) for item in value]
    if not isinstance(value, Mapping):
        return value
    name = _target(value, definitions)
    if name is not None and name in inside:
        left.add(name)
        return dict(value)
    made = {
        key: _inlined(item, definitions, inside, left)
        for key, item in value.items()
        if name is None or key != "$ref"
    }
    if name is None:
        return made
    return {**_inlined(definitions[name], definitions, (*inside, name), left), **made}


def _target(value: Mapping[str, Wire], definitions: Mapping[str, Wire]) -> str | None:
    reference = value.get("$ref")
    if not isinstance(reference, str) or not reference.startswith(_PREFIX):
        return None
    name = reference.removeprefix(_PREFIX)
    return name if isinstance(definitions.get(name), Mapping) else None


def _reachable(names: set[str], definitions: Mapping[str, Wire]) -> list[str]:
    """The definitions of these names, and of what they refer to, in their order."""
    found: set[str] = set()
    pending: list[Wire] = [{"$ref": f"{_PREFIX}{name}"} for name in names]
    while pending:
        value = pending.pop()
        if isinstance(value, list | tuple):
            pending.extend(value)
        elif isinstance(value, Mapping):
            pending.extend(value.values())
            name = _target(value, definitions)
            if name is not None and name not in found:
                found.add(name)
                pending.append(definitions[name])
    return [name for name in definitions if name in found]
