"""Validators of settings: each names the field, what it may be, and what it was given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import attrs

from lamella.errors import AgentInputError

__all__ = [
    "Check",
    "flag",
    "instance",
    "integer",
    "number",
    "one_of",
    "optional",
    "refuse_unknown",
    "text",
    "texts",
]

Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _refuse(owner: object, field: attrs.Attribute[Any], value: object, wanted: str) -> NoReturn:
    shown = f"{value!r:.80}"
    raise AgentInputError(f"{type(owner).__name__}.{field.alias or field.name} must be {wanted}, got {shown}")


def optional(check: Check) -> Check:
    """``None`` means "not set" and passes."""

    def checked(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            check(owner, field, value)

    return checked


def number(low: float, high: float | None = None) -> Check:
    """A finite number within bounds."""
    wanted = f"a number of at least {low:g}" if high is None else f"a number from {low:g} to {high:g}"

    def checked(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not real or value < low or (high is not None and value > high):
            _refuse(owner, field, value, wanted)

    return checked


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number within bounds."""
    bounds = " " * (low is not None) + (f"of at least {low}" if high is None and low is not None else "")
    wanted = f"a whole number from {low} to {high}" if high is not None else f"a whole number{bounds}"

    def checked(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or (low is not None and value < low) or (high is not None and value > high):
            _refuse(owner, field, value, wanted)

    return checked


def one_of(*allowed: str) -> Check:
    """One of these words."""

    def checked(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            _refuse(owner, field, value, f"one of {', '.join(allowed)}")

    return checked


def instance(wanted: str, *types: type[Any]) -> Check:
    """An object of one of the types; ``wanted`` is their name for the message."""

    def checked(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, types):
            _refuse(owner, field, value, wanted)

    return checked


def text(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """A text with something in it."""
    if not isinstance(value, str) or not value.strip():
        _refuse(owner, field, value, "a non-empty text")


def flag(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """True or false."""
    if not isinstance(value, bool):
        _refuse(owner, field, value, "True or False")


def texts(owner: Any, field: attrs.Attribute[Any], value: Any) -> None:
    """A list of texts."""
    if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        _refuse(owner, field, value, "a list of texts")


def refuse_unknown(cls: type[Any], given: Mapping[str, Any]) -> None:
    """Refuse keyword arguments that are no field of ``cls``.

    :raises AgentInputError: naming it, the nearest field and all fields.
    """
    import difflib

    known = [field.alias or field.name for field in attrs.fields(cls) if field.init]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; pass it in model_kwargs to send it as it is"
            raise AgentInputError(
                f"{cls.__name__} has no field {name!r}{hint} (its fields: {', '.join(known)})"
            )
