"""JSON values to Python values by type hint: nothing lossy, all problems at once.

*Strict* takes a value only where its JSON type is the hint's; *lax* (the default) also takes the
number in a numeric string and an integer for a float, so that ``"1"`` for an int is 1. No mode takes a
bool for a number, or cuts 1.5 to 1. A union is tried strictly, then laxly.
"""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

from lamella.tools.constraints import broken_constraints, read_constraints
from lamella.tools.fields import ObjectField, object_fields
from lamella.tools.hints import Hint, admits_none, bare, hint_name, origin_of, union_members
from lamella.tools.schema import ARRAYS, MAPPINGS, SETS, enum_values, is_model

_ENOUGH: Final = 100
"""Problems of one value after which no more are looked for: each costs time, and nobody reads more."""


class Mismatch(ValueError):
    """A value does not fit a hint; each problem is a path into the value and what is wrong there."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"at {path}: {text}" if path else text for path, text in self.problems))


def _fail(text: str) -> Mismatch:
    return Mismatch([("", text)])


class _Collector:
    """Converts parts one by one and keeps what went wrong, with its place."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []

    def convert(self, place: str, value: Any, hint: Hint, lax: bool) -> Any:
        if len(self.problems) >= _ENOUGH:
            return None
        try:
            return convert(value, hint, lax)
        except Mismatch as mismatch:
            self.problems += [(place + path, text) for path, text in mismatch.problems]
            return None

    def settle(self) -> None:
        if self.problems:
            raise Mismatch(self.problems)


def convert(value: Any, hint: Hint, lax: bool = True) -> Any:
    """The Python value that a JSON value means under a hint; :class:`Mismatch` when it means none."""
    if type(hint) is type and hint in _SCALAR_READERS:
        return _SCALAR_READERS[hint](value, lax)
    plain = bare(hint)
    made = _plain(value, plain.hint, lax)
    if plain.metadata and (broken := broken_constraints(made, read_constraints(plain.metadata))):
        raise Mismatch(("", text) for text in broken)
    return made


def _plain(value: Any, hint: Hint, lax: bool) -> Any:
    if hint is Any or hint is object or hint is inspect.Parameter.empty:
        return value
    if hint is None or hint is type(None):
        return _none(value)
    if hint in _SCALAR_READERS:
        return _SCALAR_READERS[hint](value, lax)
    if (members := union_members(hint)) is not None:
        return _union(value, members, lax)
    if origin_of(hint) is Literal:
        return _choice(value, {choice: choice for choice in get_args(hint)}, lax)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choice(value, enum_values(hint), lax)
    kind, args = origin_of(hint) or hint, get_args(hint)
    if kind in MAPPINGS:
        return _mapping(value, args, lax)
    if kind is tuple or kind in ARRAYS:
        return _array(value, kind, args, lax)
    if is_model(hint):
        return _model(value, hint)
    fields = object_fields(hint)
    return _leaf(value, hint, lax) if fields is None else _object(value, kind, fields, lax)


# -- scalars --------------------------------------------------------------------------------------


def _expected(what: str, value: Any) -> Mismatch:
    return _fail(f"expected {what}, got {json_kind(value)}")


def json_kind(value: Any) -> str:
    """The JSON type of a value, for messages."""
    if value is None:
        return "null"
    names = ((bool, "boolean"), (int | float, "number"), (str, "string"), (Mapping, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "array")


def _none(value: Any) -> None:
    if value is not None:
        raise _expected("null", value)


def _str(value: Any, lax: bool) -> str:
    if isinstance(value, str):
        return value
    if lax and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _expected("a string", value)


def _bool(value: Any, lax: bool) -> bool:
    if isinstance(value, bool):
        return value
    if lax and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _expected("a boolean", value)


def _int(value: Any, lax: bool) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if lax and isinstance(value, float):
        if not value.is_integer():
            raise _fail(f"{value!r} is not an integer")
        return int(value)
    if lax and isinstance(value, str):
        return int(_parsed(int, value))
    raise _expected("an integer", value)


def _float(value: Any, lax: bool) -> float:
    if isinstance(value, float):
        return value
    if not lax or isinstance(value, bool) or not isinstance(value, int | str):
        raise _expected("a number", value)
    number = float(_parsed(float, value))
    if not math.isfinite(number):
        raise _fail("NaN and Infinity are not JSON numbers")
    return number


def _parsed(kind: type[int] | type[float], value: int | str) -> int | float:
    try:
        return kind(value)
    except (ValueError, OverflowError) as error:
        raise _fail(str(error)) from error


_SCALAR_READERS: dict[Any, Any] = {str: _str, bool: _bool, int: _int, float: _float}


def _choice(value: Any, choices: Mapping[Any, Any], lax: bool) -> Any:
    for key, choice in choices.items():
        if type(key) is type(value) and key == value:
            return choice
    scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    texts = {str(key): choice for key, choice in choices.items() if lax and scalar}
    if str(value) in texts:
        return texts[str(value)]
    raise _fail(f"valid values are {sorted(choices, key=str)}")


def _union(value: Any, members: tuple[Hint, ...], lax: bool) -> Any:
    if value is None and any(admits_none(member) for member in members):
        return None
    others = [member for member in members if bare(member).hint is not type(None)]
    mismatch: Mismatch | None = None
    for mode in (False, True) if lax else (False,):
        for member in others:
            try:
                return convert(value, member, mode)
            except Mismatch as error:
                mismatch = error
    if mismatch is not None and len(others) == 1:
        raise mismatch
    if (meant := _meant(value, others)) is not None:
        convert(value, meant, lax)  # says what is wrong with it
    raise _fail(f"fits none of {', '.join(hint_name(member) for member in members)}")


def _meant(value: Any, members: list[Hint]) -> Hint | None:
    """The member that a tag in the value names: the one class whose Literal fields all hold."""
    if not isinstance(value, Mapping):
        return None
    found = [member for member in members if _is_tagged(value, bare(member).hint)]
    return found[0] if len(found) == 1 else None


def _is_tagged(value: Mapping[str, Any], hint: Hint) -> bool:
    tags = [
        (field.key, get_args(plain))
        for field in object_fields(hint) or ()
        if origin_of(plain := bare(field.hint).hint) is Literal
    ]
    return bool(tags) and all(value.get(key) in choices for key, choices in tags)


# -- containers and classes -----------------------------------------------------------------------


def _mapping(value: Any, args: tuple[Hint, ...], lax: bool) -> Any:
    if not isinstance(value, Mapping):
        raise _expected("an object", value)
    key_hint, value_hint = args or (Any, Any)
    collector = _Collector()
    made = {
        _hashable(collector.convert(f".{key}", key, key_hint, True)): collector.convert(
            f".{key}", item, value_hint, lax
        )
        for key, item in value.items()
    }
    collector.settle()
    return made


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError as error:
        raise _fail(f"{type(value).__name__} values cannot be in a set or be keys") from error
    return value


def _array(value: Any, kind: Any, args: tuple[Hint, ...], lax: bool) -> Any:
    if not isinstance(value, list | tuple):
        raise _expected("an array", value)
    hints = _item_hints(kind, args, len(value))
    collector = _Collector()
    items = [
        collector.convert(f"[{index}]", item, hint, lax)
        for index, (item, hint) in enumerate(zip(value, hints, strict=True))
    ]
    collector.settle()
    if kind is tuple:
        return tuple(items)
    if kind not in SETS:
        return items
    members = [_hashable(item) for item in items]
    return frozenset(members) if kind is frozenset else set(members)


def _item_hints(kind: Any, args: tuple[Hint, ...], count: int) -> list[Hint]:
    if kind is not tuple or not args or (len(args) == 2 and args[1] is Ellipsis):
        return [args[0] if args else Any] * count
    hints = [] if args == ((),) else list(args)
    if len(hints) != count:
        raise _fail(f"expected {len(hints)} items, got {count}")
    return hints


def _object(value: Any, cls: Any, fields: tuple[ObjectField, ...], lax: bool) -> Any:
    if not isinstance(value, Mapping):
        raise _expected("an object", value)
    by_key = {field.key: field for field in fields}
    collector = _Collector()
    collector.problems += [(f".{key}", "unexpected key") for key in value if key not in by_key]
    collector.problems += [
        (f".{field.key}", "required, but missing")
        for field in fields
        if field.required and field.key not in value
    ]
    given = {
        key: collector.convert(f".{key}", item, by_key[key].hint, lax)
        for key, item in value.items()
        if key in by_key
    }
    collector.settle()
    try:
        return cls(**given)
    except Exception as error:
        raise _fail(f"{cls.__name__} refused it: {type(error).__name__}: {error}") from error


def _model(value: Any, model: Any) -> Any:
    from pydantic import ValidationError

    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Mismatch(
            (
                "".join(f".{part}" if isinstance(part, str) else f"[{part}]" for part in entry["loc"]),
                entry["msg"],
            )
            for entry in error.errors(include_url=False, include_input=False)
        ) from error


def _leaf(value: Any, hint: Hint, lax: bool) -> Any:
    import msgspec

    try:
        return msgspec.convert(value, hint, strict=not lax)
    except msgspec.ValidationError as error:
        raise _fail(str(error)) from error
