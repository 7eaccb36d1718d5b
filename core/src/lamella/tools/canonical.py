"""Values as texts that are equal only where the values are: the keys of caches."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from lamella._json import dumps

__all__ = ["NoCanonicalForm", "canonical"]

_TEXTS: Final = (
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    uuid.UUID,
    pathlib.PurePath,
)


class NoCanonicalForm(ValueError):
    """A value that no text stands for; there is no telling whether another is the same."""


def canonical(value: Any) -> str:
    """One text for equal values, another for each that differs in type or content.

    ``1``, ``"1"``, ``1.0`` and ``True`` differ; so do a date and the text it is written as. The order of
    the keys of an object does not count.

    :raises NoCanonicalForm: no JSON value, scalar of the standard library, enum, attrs, dataclass, msgspec or
        pydantic object, or a list, tuple, set or mapping of these.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return dumps(value)
    if kind is float:
        return dumps(value) if math.isfinite(value) else f"float({value!r})"
    if kind is bytes:
        return f"bytes({value.hex()})"
    if isinstance(value, enum.Enum):
        return _named(kind, [value.name])
    if isinstance(value, _TEXTS):
        return _named(kind, [dumps(repr(value) if isinstance(value, datetime.timedelta) else str(value))])
    if isinstance(value, Mapping):
        return f"{{{','.join(sorted(f'{canonical(key)}:{canonical(item)}' for key, item in value.items()))}}}"
    if isinstance(value, list):
        return f"[{','.join(map(canonical, value))}]"
    if isinstance(value, tuple):
        return _named(tuple, map(canonical, value))
    if isinstance(value, set | frozenset):
        return _named(kind, sorted(map(canonical, value)))
    return _named(kind, (f"{name}:{canonical(getattr(value, name))}" for name in _field_names(value)))


def _named(kind: type[Any], parts: Iterable[str]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}({','.join(parts)})"


def _field_names(value: Any) -> Iterable[str]:
    kind = type(value)
    if attrs.has(kind):
        return [field.name for field in attrs.fields(kind)]
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    names = getattr(kind, "__struct_fields__", None) or getattr(kind, "model_fields", None)
    if names is None:
        raise NoCanonicalForm(f"no canonical form for a {kind.__module__}.{kind.__qualname__}")
    return list(names)
