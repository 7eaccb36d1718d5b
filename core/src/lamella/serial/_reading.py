"""JSON values to objects: strict about what is known, and told what to do with the rest."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import attrs

from lamella._frozen import freeze_mapping
from lamella.content import Block, MediaContent, OpaqueContent
from lamella.errors import AgentSerializationError
from lamella.events import Event, OpaqueEvent
from lamella.messages import Role
from lamella.runs import AgentRun, RunItem
from lamella.serial._shape import has_extra, has_parts, is_tagged, parsed_view_of, stored_fields, views_of
from lamella.serial._tags import ITEMS, RUNS, block_class, event_class

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["Reader", "reader"]


@cache
def reader(keep: bool) -> Reader:
    """The reader that refuses what it does not know, or the one that keeps it; each is built once."""
    return Reader(keep)


class Reader:
    """Makes objects of JSON values. ``keep`` keeps unknown fields and unknown events."""

    def __init__(self, keep: bool) -> None:
        from cattrs import Converter

        self._keep = keep
        self._converter = Converter(detailed_validation=True)
        self._register_values(self._converter)
        self._register_unions(self._converter)

    def read(self, data: Any, cls: type[Any]) -> Any:
        """An instance of ``cls``. Errors may be groups of cattrs: the caller words them."""
        return self._converter.get_structure_hook(cls)(data, cls)

    # -- values -----------------------------------------------------------------------------------

    def _register_values(self, converter: Converter) -> None:

        for kind, read in _VALUES.items():
            converter.register_structure_hook(kind, read)
        converter.register_structure_hook_func(_is_any, lambda value, _: value)
        converter.register_structure_hook_func(_is_json_object, _read_object)
        converter.register_structure_hook_func(_is_literal, _read_literal)
        # A role that does not exist is for ``Message`` to refuse, in its own words.
        converter.register_structure_hook_func(lambda kind: kind == Role, lambda value, _: value)
        converter.register_structure_hook_func(_is_text_or_object, _read_text_or_object)
        converter.register_structure_hook_factory(_is_tuple, self._tuple_hook)

    def _tuple_hook(self, kind: Any) -> Callable[[Any, Any], Any]:
        items: Any = GenericAlias(list, get_args(kind)[:1])
        read_items = self._converter.get_structure_hook(items)

        def read_tuple(value: Any, _: Any) -> tuple[Any, ...]:
            if not isinstance(value, list | tuple):
                raise AgentSerializationError(f"expected a list, got {_shown(value)}")
            return tuple(read_items(value, items))

        return read_tuple

    # -- classes ----------------------------------------------------------------------------------

    def _register_unions(self, converter: Converter) -> None:
        converter.register_structure_hook_factory(
            lambda kind: isinstance(kind, type) and attrs.has(kind), self._class_hook
        )
        converter.register_structure_hook_func(lambda kind: kind is Block, self._read_block)
        converter.register_structure_hook_func(_is_media, self._read_media)
        converter.register_structure_hook_func(lambda kind: kind is OpaqueContent, _read_opaque_content)
        converter.register_structure_hook_func(lambda kind: kind is Event, self._read_event)
        converter.register_structure_hook_func(lambda kind: kind is OpaqueEvent, self._read_opaque_event)
        converter.register_structure_hook_func(lambda kind: kind is RunItem, self._closed(ITEMS, "item"))
        converter.register_structure_hook_func(lambda kind: kind is AgentRun, self._closed(RUNS, "run"))

    def _class_hook(self, cls: type[Any]) -> Callable[[Any, Any], Any]:
        from cattrs.gen import make_dict_structure_fn, override

        stored = stored_fields(cls)
        overrides: dict[str, Any] = {
            field.name: override(omit=True) for field in attrs.fields(cls) if field not in stored
        }
        of: Any = getattr(cls, "__parameters__", ())  # type variables: those of values that are not stored
        target = cls[(Any,) * len(of)] if of else cls
        read_fields = make_dict_structure_fn(target, self._converter, _cattrs_use_alias=True, **overrides)
        return self._compose(cls, read_fields, frozenset(field.alias or field.name for field in stored))

    def _compose(
        self, cls: type[Any], read_fields: Callable[[Any, Any], Any], names: frozenset[str]
    ) -> Callable[[Any, Any], Any]:
        tag = cls.type if is_tagged(cls) else None
        known = names.union(views_of(cls), () if tag is None else ("type",))
        parts, view = has_parts(cls), parsed_view_of(cls)

        def read_class(data: Any, _: Any) -> Any:
            _require_object(data, cls)
            if tag is not None and data.get("type", tag) != tag:
                raise AgentSerializationError(f"{cls.__name__}: the type is {data['type']!r}, not {tag!r}")
            if parts and "parts" in data:
                data = self._join_parts(data)
            if view is not None and data.get("arguments_json") == "":
                data = _without_empty(data, view)
            unknown = data.keys() - known
            value = read_fields(data, cls)
            return self._with_unknown(value, data, unknown) if unknown else value

        return read_class

    def _join_parts(self, data: Mapping[str, Any]) -> dict[str, Any]:
        rest = {name: value for name, value in data.items() if name != "parts"}
        if "output" in rest or not isinstance(data["parts"], list):
            raise AgentSerializationError(
                "a tool output holds either output (text or JSON) or parts (a list)"
            )
        return {**rest, "output": [self._read_block(part, Block) for part in data["parts"]]}

    def _with_unknown(self, value: Any, data: Mapping[str, Any], unknown: set[str]) -> Any:
        if not self._keep:
            listed = ", ".join(map(repr, sorted(unknown)))
            raise AgentSerializationError(
                f'{type(value).__name__} has no field {listed}; read with unknown="keep" what a newer '
                "release may have written"
            )
        if has_extra(type(value)):
            extra = {name: item for name, item in data.items() if name in unknown}
            object.__setattr__(value, "extra", freeze_mapping(extra))  # fresh, nobody else has it
        return value

    # -- unions -----------------------------------------------------------------------------------

    def _read_block(self, data: Any, kind: Any) -> Block:
        tag = _tag(data, "a content block")
        cls = block_class(tag)
        block: Block = _read_opaque_content(data, kind) if cls is None else self.read(data, cls)
        return block

    def _read_media(self, data: Any, kind: Any) -> Block:
        cls = block_class(_tag(data, "media"))
        if cls is not None and not issubclass(cls, MediaContent):
            raise AgentSerializationError(f"expected media, got a block of type {cls.type!r}")  # type: ignore[attr-defined]
        if cls is MediaContent:
            block: Block = self._media_hook()(data, cls)
            return block
        return self._read_block(data, kind)

    def _media_hook(self) -> Callable[[Any, Any], Any]:
        if not hasattr(self, "_media"):
            self._media = self._class_hook(MediaContent)
        return self._media

    def _read_event(self, data: Any, kind: Any) -> Event:
        tag = _tag(data, "an event")
        cls = event_class(tag)
        if cls is None and not self._keep:
            raise AgentSerializationError(
                f"unknown event type {tag!r}; install the plugin it belongs to (see lamella plugins list), "
                'or read with unknown="keep" to keep it as an OpaqueEvent'
            )
        event: Event = self._read_opaque_event(data, kind) if cls is None else self.read(data, cls)
        return event

    def _read_opaque_event(self, data: Any, _: Any) -> OpaqueEvent:
        """Fields of the base class are read as such where they have its form; all else stays in ``data``."""
        rest = dict(data)
        known: dict[str, Any] = {"type": _tag(data, "an event")}
        del rest["type"]
        if isinstance(rest.get("id"), str):
            known["id"] = rest.pop("id")
        if rest.get("raw_event") is not None:
            known["raw_event"] = rest.pop("raw_event")
        return OpaqueEvent(**known, data=rest)

    def _closed(self, classes: Mapping[str, type[Any]], what: str) -> Callable[[Any, Any], Any]:
        def read_member(data: Any, _: Any) -> Any:
            tag = _tag(data, f"a {what}")
            if tag not in classes:
                known = ", ".join(classes)
                raise AgentSerializationError(f"unknown {what} type {tag!r}; the types are {known}")
            return self.read(data, classes[tag])

        return read_member


# -- functions of no reader -----------------------------------------------------------------------


def _without_empty(data: Mapping[str, Any], view: str) -> Mapping[str, Any]:
    """Blank arguments stay blank: their view, the empty object, must not be written out as text."""
    return {name: value for name, value in data.items() if name != view or value != {}}


def _shown(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__} {value!r:.60}"


def _require_object(data: Any, cls: type[Any]) -> None:
    if not isinstance(data, Mapping):
        raise AgentSerializationError(f"{cls.__name__}: expected a JSON object, got {_shown(data)}")


def _tag(data: Any, what: str) -> str:
    if not isinstance(data, Mapping):
        raise AgentSerializationError(f"expected {what} as a JSON object, got {_shown(data)}")
    tag = data.get("type")
    if not isinstance(tag, str):
        raise AgentSerializationError(f'expected {what} with a "type" tag, got {_shown(tag)} as its type')
    return tag


def _read_opaque_content(data: Any, _: Any) -> OpaqueContent:
    rest = dict(data)
    known: dict[str, Any] = {"type": _tag(data, "a content block")}
    del rest["type"]
    if isinstance(rest.get("provider"), str):
        known["provider"] = rest.pop("provider")
    if rest.get("opaque") and isinstance(rest["opaque"], Mapping):
        known["opaque"] = rest.pop("opaque")
    return OpaqueContent(**known, data=rest)


def _is_any(kind: object) -> bool:
    return kind is Any


def _is_literal(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is Literal


def _is_json_object(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping) and get_args(kind) == (str, Any)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)


def _members(kind: Any) -> frozenset[Any]:
    return frozenset(get_args(kind)) if get_origin(kind) in (Union, UnionType) else frozenset()


def _is_text_or_object(kind: Any) -> bool:
    return _members(kind) == {str, Mapping[str, Any]}


def _is_media(kind: Any) -> bool:
    return kind is MediaContent or _members(kind) == {MediaContent, OpaqueContent}


def _read_object(value: Any, _: Any) -> Any:
    if not isinstance(value, Mapping):
        raise AgentSerializationError(f"expected a JSON object, got {_shown(value)}")
    return value


def _read_text_or_object(value: Any, _: Any) -> Any:
    if not isinstance(value, str | Mapping):
        raise AgentSerializationError(f"expected text or a JSON object, got {_shown(value)}")
    return value


def _read_literal(value: Any, kind: Any) -> Any:
    if value not in get_args(kind):
        listed = ", ".join(map(repr, get_args(kind)))
        raise AgentSerializationError(f"expected one of {listed}, got {_shown(value)}")
    return value


def _read_str(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise AgentSerializationError(f"expected text, got {_shown(value)}")
    return value


def _read_int(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise AgentSerializationError(f"expected an integer, got {_shown(value)}")
    return value


def _read_float(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AgentSerializationError(f"expected a number, got {_shown(value)}")
    return float(value)


def _read_bool(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise AgentSerializationError(f"expected true or false, got {_shown(value)}")
    return value


def _read_bytes(value: Any, _: Any) -> bytes:
    try:
        return base64.b64decode(_read_str(value, _), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AgentSerializationError(f"expected bytes in base64: {error}", cause=error) from error


def _read_datetime(value: Any, _: Any) -> datetime:
    try:
        read = datetime.fromisoformat(_read_str(value, _))
    except ValueError as error:
        raise AgentSerializationError(f"expected a time in ISO 8601: {error}", cause=error) from error
    if read.tzinfo is None:
        raise AgentSerializationError(f"the time {value!r} has no UTC offset")
    return read


def _read_decimal(value: Any, _: Any) -> Decimal:
    try:
        read = Decimal(_read_str(value, _))
    except InvalidOperation as error:
        raise AgentSerializationError(
            f"expected a decimal number, got {_shown(value)}", cause=error
        ) from error
    if not read.is_finite():
        raise AgentSerializationError(f"the decimal {value!r} is not finite")
    return read


_VALUES: dict[type, Callable[[Any, Any], Any]] = {
    str: _read_str,
    int: _read_int,
    float: _read_float,
    bool: _read_bool,
    bytes: _read_bytes,
    datetime: _read_datetime,
    Decimal: _read_decimal,
}
