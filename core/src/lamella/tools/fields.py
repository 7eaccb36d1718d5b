"""The classes whose values are JSON objects, and their fields: attrs, dataclass, TypedDict, NamedTuple."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import attrs

from lamella.tools.hints import Hint, bare, class_hints, origin_of

_NOTHING = object()


@attrs.frozen(kw_only=True)
class ObjectField:
    """A field: ``key`` is its name in JSON and in the constructor."""

    key: str
    hint: Hint
    required: bool
    description: str | None = None


def object_fields(hint: Hint) -> tuple[ObjectField, ...] | None:
    """The fields of a class whose values are JSON objects, ``None`` for any other type.

    Fields that the constructor does not take are left out; an attrs alias is the key.
    """
    cls = origin_of(hint) or hint
    return _fields_of(cls) if isinstance(cls, type) else None


@functools.lru_cache(maxsize=512)  # a list of objects asks for each of its items
def _fields_of(cls: type[Any]) -> tuple[ObjectField, ...] | None:
    if attrs.has(cls):
        return _attrs_fields(cls)
    if dataclasses.is_dataclass(cls):
        return _dataclass_fields(cls)
    if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
        return _typeddict_fields(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_field_defaults"):
        return _namedtuple_fields(cls)
    return None


def _attrs_fields(cls: type[Any]) -> tuple[ObjectField, ...]:
    hints = class_hints(cls)
    return tuple(
        ObjectField(
            key=attribute.alias or attribute.name,
            hint=hints.get(attribute.name, Any if attribute.type is None else attribute.type),
            required=attribute.default is attrs.NOTHING,
            description=attribute.metadata.get("description"),
        )
        for attribute in attrs.fields(cls)
        if attribute.init
    )


def _dataclass_fields(cls: type[Any]) -> tuple[ObjectField, ...]:
    hints = class_hints(cls)
    missing = dataclasses.MISSING
    return tuple(
        ObjectField(
            key=field.name,
            hint=hints[field.name],
            required=field.default is missing and field.default_factory is missing,
            description=field.metadata.get("description"),
        )
        for field in dataclasses.fields(cls)
        if field.init
    )


def _typeddict_fields(cls: Any) -> tuple[ObjectField, ...]:
    made = []
    for key, hint in class_hints(cls).items():
        # Under postponed annotations __required_keys__ ignores Required[…] and NotRequired[…].
        said = bare(hint).required
        made.append(
            ObjectField(key=key, hint=hint, required=key in cls.__required_keys__ if said is None else said)
        )
    return tuple(made)


def _namedtuple_fields(cls: Any) -> tuple[ObjectField, ...]:
    hints = class_hints(cls)
    return tuple(
        ObjectField(key=key, hint=hints.get(key, Any), required=key not in cls._field_defaults)
        for key in cls._fields
    )
