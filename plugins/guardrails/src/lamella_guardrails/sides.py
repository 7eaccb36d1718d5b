"""Which side of a run a guardrail looks at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import attrs

from lamella import AgentInputError

__all__ = ["Side", "one_of", "sides"]

Side: TypeAlias = Literal["input", "output"]
"""``input`` is the last message of the user, ``output`` the answer."""

_SIDES = ("input", "output")


def _listed(value: Iterable[Side] | Side) -> tuple[Side, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check(instance: object, attribute: attrs.Attribute[Any], value: tuple[Any, ...]) -> None:
    if not value or any(side not in _SIDES for side in value):
        raise AgentInputError(
            f'{type(instance).__name__}.on takes "input", "output" or both, got {list(value)!r}'
        )


def sides(*default: Side) -> Any:
    """An ``attrs.field`` for the sides."""
    return attrs.field(default=default, converter=_listed, validator=_check)


def one_of(*allowed: str) -> Any:
    """attrs validator: one of these words."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in allowed:
            said = ", ".join(map(repr, allowed))
            raise AgentInputError(
                f"{type(instance).__name__}.{attribute.name} must be one of {said}, got {value!r}"
            )

    return check
