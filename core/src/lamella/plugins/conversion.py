"""Values of configuration to the types of settings: strictly from files, from text out of the environment.

A file has types of its own, so 3 is no text and "3" no number there. The environment has only text, which
is read as the type asks.
"""

from __future__ import annotations

import collections.abc
import functools
import json
import types
import typing
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["convert", "describe_type", "faults", "from_text", "optional_of"]

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})

_COLLECTIONS: Final[Mapping[Any, Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: tuple,
    collections.abc.Collection: tuple,
    collections.abc.Iterable: tuple,
    collections.abc.MutableSequence: list,
    collections.abc.Set: frozenset,
}


def convert(value: object, wanted: Any, root: Path | None = None) -> Any:
    """``value`` as ``wanted``, without coercion; relative paths become paths below ``root``.

    :raises Exception: it does not fit; :func:`faults` puts it into words.
    """
    return _converter(root).structure(value, wanted)


def faults(error: Exception, path: str) -> list[str]:
    """What did not fit, one text for each place, such as ``"retries: expected a whole number"``."""
    from cattrs import transform_error

    return transform_error(error, path=path, format_exception=_worded)


def _worded(error: BaseException, _: type | None) -> str:
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(error, ForbiddenExtraKeysError):
        return f"unknown {', '.join(sorted(error.extra_fields))}"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, AttributeError):
        return "expected a table"
    return str(error)


def from_text(text: str, wanted: Any) -> Any:
    """Read a text from the environment as ``wanted``: numbers, booleans, lists (``a,b`` or JSON), tables (JSON).

    :raises ValueError: it cannot be read so.
    """
    members = _members(wanted)
    if members is not None:
        return _from_text_as_any(text, members)
    origin = typing.get_origin(wanted) or wanted
    if origin is bool:
        return _boolean(text)
    if origin in (int, float):
        return _number(text, origin)
    if origin is typing.Literal:
        return next((choice for choice in typing.get_args(wanted) if str(choice) == text), text)
    if origin in _COLLECTIONS:
        return _list(text, typing.get_args(wanted))
    if attrs.has(origin) or origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return json.loads(text)
    return text


def optional_of(wanted: Any) -> Any:
    """``X`` of ``X | None``, other types as they are."""
    members = [member for member in _members(wanted) or () if member is not types.NoneType]
    return members[0] if len(members) == 1 else wanted


def describe_type(wanted: Any) -> str:
    """A type as a message names it."""
    return wanted.__name__ if isinstance(wanted, type) else str(wanted).replace("typing.", "")


# -- text -------------------------------------------------------------------------------------------


def _members(wanted: Any) -> tuple[Any, ...] | None:
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return typing.get_args(wanted)
    return None


def _from_text_as_any(text: str, members: tuple[Any, ...]) -> Any:
    for member in sorted(members, key=lambda member: member is str):
        if member is types.NoneType:
            continue
        try:
            value = from_text(text, member)
            convert(value, member)
        except Exception:  # not this member; the last one, or the caller's check, has the word
            continue
        return value
    return text


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("expected true or false (or 1, 0, yes, no, on, off)")


def _number(text: str, kind: Any) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"expected {'a whole number' if kind is int else 'a number'}") from None


def _list(text: str, arguments: tuple[Any, ...]) -> list[Any]:
    if text.lstrip().startswith("["):
        listed = json.loads(text)
        return list(listed)
    parts = [part.strip() for part in text.split(",")]
    item = arguments[0] if arguments else str
    return [from_text(part, item) for part in parts if part]


# -- strict conversion ------------------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
def _converter(root: Path | None) -> Converter:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    for wanted, accepts, name in (
        (str, str, "a text"),
        (bool, bool, "true or false"),
        (int, int, "a whole number"),
        (float, int | float, "a number"),
    ):
        converter.register_structure_hook(wanted, _exactly(wanted, accepts, name))
    converter.register_structure_hook(Path, lambda value, _: _path(value, root))
    converter.register_structure_hook(Decimal, lambda value, _: _decimal(value))
    converter.register_structure_hook_factory(_is_collection, _collection_hook)
    converter.register_structure_hook_factory(lambda wanted: _members(wanted) is not None, _union_hook)
    return converter


def _exactly(wanted: type, accepts: Any, name: str) -> Any:
    def hook(value: object, _: object) -> Any:
        if not isinstance(value, accepts) or (isinstance(value, bool) and wanted is not bool):
            raise TypeError(f"expected {name}, got {_kind_of(value)}")
        return wanted(value)

    return hook


def _kind_of(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    return f"{value!r}" if len(repr(value)) <= 40 else f"a {type(value).__name__}"


def _path(value: object, root: Path | None) -> Path:
    if not isinstance(value, str | Path):
        raise TypeError(f"expected a path, got {_kind_of(value)}")
    path = Path(value).expanduser()
    return path if root is None else root / path


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError(f"expected a number, got {_kind_of(value)}")
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise TypeError(f"expected a number, got {_kind_of(value)}") from None


def _is_collection(wanted: Any) -> bool:
    return (typing.get_origin(wanted) or wanted) in _COLLECTIONS


def _collection_hook(wanted: Any, converter: Converter) -> Any:
    make = _COLLECTIONS[typing.get_origin(wanted) or wanted]
    arguments = typing.get_args(wanted)
    fixed = make is tuple and typing.get_origin(wanted) is tuple and arguments[-1:] != (Ellipsis,)

    def hook(value: object, _: object) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            raise TypeError(f"expected a list, got {_kind_of(value)}")
        if not fixed or not arguments:
            item = arguments[0] if arguments else Any
            return make(converter.structure(part, item) for part in value)
        if len(value) != len(arguments):
            raise TypeError(f"expected {len(arguments)} values, got {len(value)}")
        return tuple(converter.structure(part, item) for part, item in zip(value, arguments, strict=True))

    return hook


def _union_hook(wanted: Any, converter: Converter) -> Any:
    members = typing.get_args(wanted)
    named = " or ".join(describe_type(member) for member in members if member is not types.NoneType)

    def hook(value: object, _: object) -> Any:
        if value is None and types.NoneType in members:
            return None
        failures: list[Exception] = []
        for member in members:
            if member is types.NoneType:
                continue
            try:
                return converter.structure(value, member)
            except Exception as error:  # not this member
                failures.append(error)
        if len(failures) == 1:
            raise failures[0]
        raise TypeError(f"expected {named}, got {_kind_of(value)}")

    return hook
