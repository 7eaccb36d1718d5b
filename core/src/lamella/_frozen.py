"""Deeply immutable JSON values.

``FrozenDict`` and ``FrozenList`` are real ``dict`` and ``list`` objects (equal to plain ones, and
encodable by every JSON library) whose mutating methods raise ``TypeError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

__all__ = [
    "EMPTY",
    "FrozenDict",
    "FrozenList",
    "JSON",
    "Wire",
    "as_tuple",
    "freeze",
    "freeze_mapping",
    "freeze_optional_tuple",
    "freeze_tuple",
    "thaw",
]

JSON: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list of JSON, or dict of str to JSON."""

Wire: TypeAlias = Any
"""A provider's own JSON, not yet understood. The only place where ``Any`` is meant."""


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    raise TypeError(f"{type(self).__name__} is immutable; make a copy with dict(…) or list(…)")


class FrozenDict(dict[str, Any]):
    """A ``dict`` that cannot be changed. Values are frozen by :func:`freeze`."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


class FrozenList(list[Any]):
    """A ``list`` that cannot be changed. Items are frozen by :func:`freeze`."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, memo: object) -> FrozenList:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenList, (list(self),)


EMPTY = FrozenDict()

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_SETTLED: Final = frozenset({FrozenDict, FrozenList, *_PLAIN})
"""Types whose values are frozen as they are."""


def freeze(value: Any) -> Any:
    """Return ``value`` with every mapping, list and tuple inside replaced by its frozen form."""
    kind = type(value)
    if kind in _SETTLED:
        return value
    if kind is dict or isinstance(value, Mapping):
        return FrozenDict(
            {key: item if type(item) in _SETTLED else freeze(item) for key, item in value.items()}
        )
    if isinstance(value, (list, tuple)):
        return FrozenList([item if type(item) in _SETTLED else freeze(item) for item in value])
    return value


def as_tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    """Any iterable as a tuple, for attrs converters."""
    return tuple(value)


def freeze_tuple(value: Iterable[Any]) -> tuple[Any, ...]:
    """Any iterable as a tuple of frozen items."""
    return tuple(freeze(item) for item in value)


def freeze_optional_tuple(value: Iterable[Any] | None) -> tuple[Any, ...] | None:
    """:func:`freeze_tuple`, or ``None``."""
    return None if value is None else freeze_tuple(value)


def freeze_mapping(value: Mapping[str, Any] | None) -> FrozenDict:
    """Freeze a mapping; ``None`` becomes the empty one."""
    if not value:
        return EMPTY
    frozen = freeze(value)
    if not isinstance(frozen, FrozenDict):
        raise TypeError(f"expected a mapping, got {type(value).__name__}")
    return frozen


def thaw(value: Any) -> Any:
    """Return a plain, mutable copy of a frozen value."""
    if isinstance(value, (dict, Mapping)):
        return {key: item if type(item) in _PLAIN else thaw(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [item if type(item) in _PLAIN else thaw(item) for item in value]
    return value
