"""Which words of a schema are taken over, and what their values must be like.

Documents are written by hand and by programs with faults. A word that JSON Schema would refuse, or that means nothing
to it, must not make the tool unusable: it is left out, and a note says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["LISTS", "MAPS", "PLAIN", "SILENT", "SINGLES", "TYPES"]

TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

SINGLES: Final = frozenset(
    {
        "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
"""Words whose value is a schema."""

LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Words whose value is a list of schemas."""

MAPS: Final = frozenset({"dependentSchemas", "patternProperties", "properties"})
"""Words whose value is a mapping to schemas."""

SILENT: Final = frozenset(
    {
        "$anchor", "$comment", "$defs", "$id", "$schema", "definitions", "example", "examples", "externalDocs",
        "nullable", "readOnly", "title", "writeOnly", "xml",
    }
)  # fmt: skip
"""Words that are left out without a note: they say nothing to a model, or are looked at elsewhere."""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: Any) -> bool:
    return _number(value) and value >= 0 and value == int(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value)) and len(set(value)) == len(value)


def pattern(value: Any) -> bool:
    """Whether Python knows the regular expression: documents have those of other languages, too."""
    try:
        re.compile(value)
    except (re.error, TypeError, OverflowError, RecursionError):
        return False
    return True


def _texts_of(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_texts, value.values()))


def _any(value: Any) -> bool:
    return True


PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "const": _any,
    "contentEncoding": _text,
    "contentMediaType": _text,
    "default": _any,
    "dependentRequired": _texts_of,
    "deprecated": _flag,
    "description": _text,
    "enum": lambda value: isinstance(value, list) and bool(value),
    "exclusiveMaximum": _number,
    "exclusiveMinimum": _number,
    "format": _text,
    "maxContains": _count,
    "maxItems": _count,
    "maxLength": _count,
    "maxProperties": _count,
    "maximum": _number,
    "minContains": _count,
    "minItems": _count,
    "minLength": _count,
    "minProperties": _count,
    "minimum": _number,
    "multipleOf": lambda value: _number(value) and value > 0,
    "pattern": pattern,
    "required": _texts,
    "uniqueItems": _flag,
}
"""Other words, and whether a value is one that JSON Schema takes."""
