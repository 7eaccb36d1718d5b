"""The smallest JSON value that satisfies a schema, with the prompt's values where they fit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamella._json import dumps
from lamella.errors import AgentExecutionError

__all__ = ["fits", "instance_of", "is_integer", "is_nullable", "kind_of", "resolve"]

_DEPTH: Final = 32
_FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "sim@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_SAMPLES: Final = (
    "sim", "a", "A", "Sim", "SIM", "0", "1", "00", "000", "0000", "00000", "a0", "A0", "AA", "aa", "AAA", "aaa",
    "AA00", "AAA-000", "a-a", "a_a", "0.0", "0.0.0", "1.0", "#000000", "+10000000000", "/", "true",
    *_FORMATS.values(),
)  # fmt: skip


def resolve(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with its ``$ref`` followed and its ``allOf`` merged; the first real branch of a union."""
    schema = schema if isinstance(schema, Mapping) else {}
    for _ in range(_DEPTH):
        if "$ref" in schema:
            found = _follow(schema["$ref"], root)
            schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
        elif schema.get("allOf"):
            schema = _merged(schema, root)
        elif branches := schema.get("anyOf") or schema.get("oneOf"):
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
            schema = {**rest, **_first_real(branches)}
        else:
            return dict(schema)
    raise AgentExecutionError(
        "the schema refers to itself without end; the simulator cannot make an instance"
    )


def is_nullable(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether ``null`` will do: how strict schemas say that a property is optional."""
    if not isinstance(schema, Mapping):
        return False
    branches = [*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())]
    kind = schema.get("type")
    return (
        kind == "null"
        or (isinstance(kind, list | tuple) and "null" in kind)
        or any(is_nullable(branch, root) for branch in branches)
    )


def kind_of(schema: Mapping[str, Any]) -> str:
    """``string``, ``number``, ``boolean``, ``array``, ``object``, ``enum`` or ``null``."""
    if "enum" in schema or "const" in schema:
        return "enum"
    kind = schema.get("type")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return "number" if kind == "integer" else str(kind)


def is_integer(schema: Mapping[str, Any]) -> bool:
    """Whether only whole numbers will do."""
    kind = schema.get("type")
    return kind == "integer" or (isinstance(kind, list) and "integer" in kind and "number" not in kind)


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a number or a string keeps the schema's bounds."""
    if "enum" in schema:
        return value in schema["enum"]
    if "const" in schema:
        return bool(value == schema["const"])
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return True
    return _fits_text(schema, value) if isinstance(value, str) else _fits_number(schema, value)


def instance_of(schema: Any, root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """A small instance: required properties only.

    :raises AgentExecutionError: a pattern or a recursion that no sample satisfies.
    """
    root = schema if root is None else root
    schema = resolve(schema, root)
    if depth > _DEPTH:
        raise AgentExecutionError("the schema requires itself without end; no instance exists")
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    return _made(kind_of(schema), schema, root, depth)


def _made(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    if kind == "object":
        needed = schema.get("required", ())
        known = schema.get("properties", {})
        return {name: instance_of(known.get(name, {}), root, depth + 1) for name in needed}
    if kind == "array":
        return _array(schema, root, depth)
    if kind == "number":
        return _number(schema)
    if kind == "string":
        return _string(schema)
    return False if kind == "boolean" else None


def _array(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> list[Any]:
    least = schema.get("minItems", 0)
    prefix = schema.get("prefixItems", ())
    made = [instance_of(item, root, depth + 1) for item in prefix]
    while len(made) < least:
        made.append(_another(instance_of(schema.get("items", {}), root, depth + 1), made, schema))
    return made


def _another(value: Any, made: list[Any], schema: Mapping[str, Any]) -> Any:
    if not schema.get("uniqueItems") or value not in made:
        return value
    if isinstance(value, str):
        return f"{value}{len(made)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value + len(made)
    raise AgentExecutionError(
        f"the simulator cannot make {schema.get('minItems')} different items; script them"
    )


def _number(schema: Mapping[str, Any]) -> int | float:
    step = schema.get("multipleOf") or (1 if is_integer(schema) else None)
    low = schema.get("minimum", -math.inf)
    above = schema.get("exclusiveMinimum", -math.inf)
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    candidates: list[int | float] = [0]
    start = max(low, above)
    for edge in (start, high):
        if math.isfinite(edge):
            unit = step or 1
            near = math.floor(edge / unit) * unit
            candidates += [edge, near, near + unit, near - unit, edge + 0.5, edge - 0.5]
    if math.isfinite(start) and math.isfinite(high):
        candidates.append((start + high) / 2)
    for value in candidates:
        whole = int(value) if float(value).is_integer() else value
        if _fits_number(schema, whole):
            return whole
    raise AgentExecutionError(
        f"no number satisfies {dumps(dict(schema))}, as far as the simulator sees; script it"
    )


def _string(schema: Mapping[str, Any]) -> str:
    known = _FORMATS.get(schema.get("format", ""))
    least = schema.get("minLength", 0)
    letters = [sample * least for sample in _SAMPLES if len(sample) == 1 and least]
    samples = [known] if known else [*_SAMPLES, *letters]
    for sample in samples:
        for text in (sample, sample.ljust(least, sample[-1]), sample[: schema.get("maxLength", len(sample))]):
            if _fits_text(schema, text):
                return text
    raise AgentExecutionError(f"the simulator cannot make text for {dumps(dict(schema))}; script the answer")


def _fits_text(schema: Mapping[str, Any], value: str) -> bool:
    return (
        schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf)
        and ("pattern" not in schema or re.search(schema["pattern"], value) is not None)
        and (schema.get("format") not in _FORMATS or _looks(schema["format"], value))
    )


def _looks(format: str, value: str) -> bool:
    shape = {
        "date": r"\d{4}-\d{2}-\d{2}",
        "email": r"[^@\s]+@[^@\s]+",
        "uri": r"\w+://\S+",
    }.get(format)
    return value == _FORMATS[format] if shape is None else re.fullmatch(shape, value) is not None


def _fits_number(schema: Mapping[str, Any], value: int | float) -> bool:
    step = schema.get("multipleOf")
    return (
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        and schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
        and (not is_integer(schema) or float(value).is_integer())
        and (not step or float(value / step).is_integer())
    )


def _follow(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#").split("/"):
        if part:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise AgentExecutionError(f"the schema refers to {reference!r}, which is not in it")
    return found


def _merged(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        each = resolve(part, root)
        both = {
            "properties": {**merged.get("properties", {}), **each.get("properties", {})},
            "required": [*merged.get("required", ()), *each.get("required", ())],
        }
        merged = {**merged, **each, **{key: value for key, value in both.items() if value}}
    return merged


def _first_real(branches: Sequence[Any]) -> Mapping[str, Any]:
    resolved = [branch for branch in branches if isinstance(branch, Mapping)]
    return next(
        (branch for branch in resolved if branch.get("type") != "null"), resolved[0] if resolved else {}
    )
