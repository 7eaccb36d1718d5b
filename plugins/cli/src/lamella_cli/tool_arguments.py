"""``key=value`` on the command line, as the arguments that a tool's schema asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from lamella.plugins.names import did_you_mean

__all__ = ["read_pairs"]


def read_pairs(pairs: Sequence[str], text: str | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``key=value`` pairs, over those of a JSON object.

    A value is text where the schema takes text, JSON (``3``, ``true``, ``[1, 2]``) otherwise. A key that comes more
    than once makes a list.

    :param text: the JSON object, if there is one.
    :raises click.UsageError: neither a pair nor JSON.
    """
    arguments = _object(text)
    properties = schema.get("properties", {})
    came: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"arguments are key=value, got {pair!r}; or give --json '{{…}}'")
        if key not in properties and properties and schema.get("additionalProperties") is False:
            raise click.UsageError(
                f"there is no argument {key!r}{did_you_mean(key, properties)} "
                f"(there are: {', '.join(properties) or 'none'})"
            )
        came.setdefault(key, []).append(value)
    for key, values in came.items():
        arguments[key] = _value(key, values, properties.get(key, {}), schema)
    return arguments


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--json is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError("--json must be an object: '{\"key\": value}'")
    return value


def _value(key: str, values: Sequence[str], schema: Any, root: Mapping[str, Any]) -> Any:
    kinds = _kinds(schema, root)
    if "array" in kinds:
        read = [_one(text, frozenset()) for text in values] if len(values) == 1 else []
        if read and isinstance(read[0], list):
            return read[0]
        return [_one(text, _kinds(_items(schema, root), root)) for text in values]
    if len(values) > 1:
        raise click.UsageError(f"{key} is given {len(values)} times, and is no list")
    return _one(values[0], kinds)


def _one(text: str, kinds: frozenset[str]) -> Any:
    """Text as JSON, unless only text is wanted, or it is none."""
    if kinds == {"string"}:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    # 3 for "text or null" is text.
    return text if "string" in kinds and value is not None and _kind(value) not in kinds else value


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def _target(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(8):  # references to references
        reference = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            break
        schema = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
    return schema if isinstance(schema, Mapping) else {}


def _kinds(schema: Any, root: Mapping[str, Any]) -> frozenset[str]:
    """The JSON types that a schema takes; none when it does not say."""
    schema = _target(schema, root)
    kind = schema.get("type")
    found = {kind} if isinstance(kind, str) else set(kind or ())
    for value in (*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())):
        found.add(_kind(value))
    for word in ("anyOf", "oneOf"):
        for option in schema.get(word, ()):
            found |= _kinds(option, root)
    return frozenset(found | ({"integer"} if "number" in found else set()))


def _items(schema: Any, root: Mapping[str, Any]) -> Any:
    schema = _target(schema, root)
    options = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return next((each["items"] for each in options if isinstance(each, Mapping) and "items" in each), {})
