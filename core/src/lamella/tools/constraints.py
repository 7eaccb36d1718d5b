"""Bounds and descriptions from ``Annotated`` metadata, read by their attributes.

``msgspec.Meta``, ``annotated_types`` and pydantic's ``Field`` name them alike, so none of the three
has to be imported. A bare string is a description.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

_BOUNDS: Final[dict[str, str]] = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_LENGTHS: Final[dict[str, dict[str, str]]] = {
    "string": {"min_length": "minLength", "max_length": "maxLength"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}
_TEXTS: Final = ("title", "description", "examples")

_CHECKS: Final[dict[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "ge": (lambda value, bound: value >= bound, "must be >= {}"),
    "gt": (lambda value, bound: value > bound, "must be > {}"),
    "le": (lambda value, bound: value <= bound, "must be <= {}"),
    "lt": (lambda value, bound: value < bound, "must be < {}"),
    "multiple_of": (lambda value, bound: value % bound == 0, "must be a multiple of {}"),
    "min_length": (lambda value, bound: len(value) >= bound, "must have a length of at least {}"),
    "max_length": (lambda value, bound: len(value) <= bound, "must have a length of at most {}"),
    "pattern": (lambda value, bound: re.search(bound, value) is not None, "must match {!r}"),
}


def read_constraints(metadata: Iterable[Any]) -> dict[str, Any]:
    """What the metadata says, later entries first in doubt: bounds, lengths, texts, extra schema."""
    found: dict[str, Any] = {}
    for entry in metadata:
        if isinstance(entry, str):
            found["description"] = entry
            continue
        found.update(read_constraints(getattr(entry, "metadata", None) or ()))
        if isinstance(documentation := getattr(entry, "documentation", None), str):
            found["description"] = documentation
        for name in (*_CHECKS, *_TEXTS, "extra_json_schema"):
            value = getattr(entry, name, None)
            if value is not None and not callable(value):
                found[name] = value
    return found


def constrain_schema(schema: dict[str, Any], constraints: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with the constraints written into it, in JSON Schema's words."""
    words = {**_BOUNDS, **_LENGTHS.get(str(schema.get("type")), {}), **{text: text for text in _TEXTS}}
    said = {words[name]: value for name, value in constraints.items() if name in words}
    return {**schema, **said, **constraints.get("extra_json_schema", {})}


def broken_constraints(value: Any, constraints: Mapping[str, Any]) -> list[str]:
    """What the value breaks, in words. A bound that does not apply to the value's type is left alone."""
    broken = []
    for name, bound in constraints.items():
        if name not in _CHECKS or value is None:
            continue
        holds, words = _CHECKS[name]
        try:
            kept = holds(value, bound)
        except TypeError:  # a length of a number, a minimum of a text: a union's other member is meant
            continue
        if not kept:
            broken.append(words.format(bound))
    return broken
