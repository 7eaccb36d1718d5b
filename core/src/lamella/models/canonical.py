"""Values as bytes that are equal only where the values are: what the keys of the caches are hashed from.

Each value is a tag, its length and its content, so that no two sequences of values run together. ``1``, ``1.0``,
``"1"`` and ``True`` differ, and so do the text ``"a"`` and the bytes ``b"a"``.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import hashlib
import pathlib
import struct
import types
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from lamella.content import MediaContent
from lamella.tools import Tool
from lamella.tools.canonical import NoCanonicalForm

__all__ = ["NoCanonicalForm", "Stand", "encoded", "hashed"]

Stand: TypeAlias = Callable[[Any], Any]
"""What stands for a value that has no form of its own; it may raise ``NoCanonicalForm``."""

_REPRS: Final = (
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    uuid.UUID,
    pathlib.PurePath,
    range,
)
_HASHED: Final = 64


def _refuse(value: Any) -> Any:
    raise NoCanonicalForm(f"no canonical form for a {type(value).__module__}.{type(value).__qualname__}")


def hashed(value: Any, stand: Stand = _refuse) -> str:
    """The SHA-256 of :func:`encoded`, as 64 hexadecimal digits."""
    return hashlib.sha256(encoded(value, stand)).hexdigest()


def encoded(value: Any, stand: Stand = _refuse) -> bytes:
    """One text of bytes for each value. The order of a mapping's keys does not count; wrap it in ``list(….items())`` if it does.

    Bytes are in it as their SHA-256 beyond 64, those of a media block hashed once.

    :param stand: asked for what has no form: not JSON, a scalar of the standard library, an enum, an attrs or
        dataclass object, or a list, tuple, set or mapping of these.
    :raises NoCanonicalForm: something has none.
    """
    scalar = _scalar(value)
    if scalar is not None:
        return scalar
    if isinstance(value, enum.Enum):
        return _tagged(b"e", _text(_name(type(value))) + _text(value.name))
    if isinstance(value, _REPRS):
        return _tagged(b"r", _text(_name(type(value))) + _text(repr(value)))
    if isinstance(value, Mapping):
        pairs = sorted(encoded(key, stand) + encoded(item, stand) for key, item in value.items())
        return _tagged(b"m", b"".join(pairs))
    if isinstance(value, list | tuple):
        tag = b"l" if isinstance(value, list) else b"t"
        return _tagged(tag, b"".join(encoded(item, stand) for item in value))
    if isinstance(value, set | frozenset):
        return _tagged(b"u", b"".join(sorted(encoded(item, stand) for item in value)))
    names = _field_names(value)
    if names is None:
        return _tagged(b"x", encoded(stand(value), stand))
    fields = b"".join(_text(name) + _field(value, name, stand) for name in names)
    return _tagged(b"o", _text(_name(type(value))) + fields)


def _scalar(value: Any) -> bytes | None:
    kind = type(value)
    if value is None:
        return b"n0:"
    if kind is bool:
        return b"b1:1" if value else b"b1:0"
    if kind is int:
        return _tagged(b"i", b"%x" % value if value >= 0 else b"-%x" % -value)
    if kind is float:
        return _tagged(b"f", struct.pack(">d", value))
    if kind is str:
        return _text(value)
    if kind is bytes:
        return _bytes(value)
    return None


def _tagged(tag: bytes, content: bytes) -> bytes:
    return b"%s%d:%s" % (tag, len(content), content)


def _text(value: str) -> bytes:
    return _tagged(b"s", value.encode("utf-8", "surrogatepass"))


def _bytes(value: bytes) -> bytes:
    if len(value) <= _HASHED:
        return _tagged(b"y", value)
    return _tagged(b"h", hashlib.sha256(value).digest())


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _field_names(value: Any) -> Iterable[str] | None:
    """The fields that make two objects of a class equal, ``None`` where each is equal to itself alone."""
    kind = type(value)
    equality: object = kind.__eq__
    if isinstance(value, type | types.ModuleType | Tool) or equality is object.__eq__:
        return None
    if attrs.has(kind):
        return [field.name for field in attrs.fields(kind) if field.eq]
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.compare]
    return None


def _field(owner: Any, name: str, stand: Stand) -> bytes:
    value = getattr(owner, name)
    if name == "data" and isinstance(owner, MediaContent) and value is not None:
        return _media_bytes(owner)
    return encoded(value, stand)


_media: dict[int, tuple[weakref.ref[MediaContent], bytes]] = {}


def _media_bytes(media: MediaContent) -> bytes:
    """The form of a media block's bytes; the block is immutable, so it is hashed once."""
    place = id(media)
    found = _media.get(place)
    if found is not None and found[0]() is media:
        return found[1]
    assert media.data is not None
    made = _bytes(media.data)
    _media[place] = (weakref.ref(media, lambda _: _media.pop(place, None)), made)
    return made
