"""Every type of Lamella ⇄ JSON, versioned, with unions that are open to plugins.

``to_dict`` and ``from_dict`` work on messages, blocks, events, envelopes, items, runs, results, usage,
timing, cost and losses. Every dict of a tagged class holds its ``type``. Fields at an empty default
(``None``, ``""``, ``{}``, ``()``, ``False``) are left out; computed views such as a call's ``arguments``
are written for other readers. Documents that stand alone (envelopes, results, runs, message lists)
carry ``"v": 1``.

What a reader does not know: a block of an unknown ``type`` is an ``OpaqueContent``, always. An unknown
event or field is refused (``unknown="refuse"``), or kept (``unknown="keep"``, what stores use): the event
as an ``OpaqueEvent``, the field in ``extra`` where the class has it, from where it is written back as it
came; classes without ``extra`` skip it.

cattrs is imported when something is first read or written, not before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

from lamella._json import dumps, loads
from lamella.errors import AgentSerializationError, LamellaError
from lamella.events import RunStreamEvent
from lamella.messages import Message
from lamella.running_text import RunningText
from lamella.serial._faults import find_foreign, worded
from lamella.serial._reading import reader
from lamella.serial._shape import VERSION, VERSIONED
from lamella.serial._tags import ContentResolver, register_content, register_event, set_content_resolver
from lamella.serial._writing import write

__all__ = [
    "VERSION",
    "ContentResolver",
    "Unknown",
    "from_dict",
    "from_json",
    "messages_from_json",
    "messages_to_json",
    "register_content",
    "register_event",
    "restore",
    "set_content_resolver",
    "to_dict",
    "to_json",
]

T = TypeVar("T")
Unknown: TypeAlias = Literal["refuse", "keep"]


def to_dict(obj: Any) -> dict[str, Any]:
    """The stored form as a plain ``dict`` of JSON values, yours to change.

    :raises AgentSerializationError: the object, or something in it, has no stored form.
    """
    document = _document(obj)
    try:
        plain: dict[str, Any] = _plain(document)
    except TypeError:
        _require_json(document, type(obj))
        raise
    return plain


def to_json(obj: Any, indent: int | None = None) -> str:
    """The stored form as JSON text, on one line unless ``indent`` is given.

    :raises AgentSerializationError: the object, or something in it (NaN, bytes in a raw payload), has
        no stored form; the message says where.
    """
    return _text(_document(obj), type(obj), indent)


def from_dict(data: Mapping[str, Any], cls: type[T], *, unknown: Unknown = "refuse") -> T:
    """Read an object of ``cls``, which may be a union base: ``Block``, ``Event``, ``RunItem``, ``AgentRun``.

    :raises AgentSerializationError: a field is missing, unknown, or of the wrong type, or the document
        is of a newer version; the message names class and field.
    :raises AgentInputError: the values are well-formed, but the class refuses them.
    """
    if not attrs.has(cls):
        raise AgentSerializationError(f"{cls.__name__} has no stored form; give a Lamella type")
    document = _without_version(data, cls.__name__) if issubclass(cls, VERSIONED) else data
    value: T = _read(document, cls, unknown)
    return value


def from_json(text: str | bytes, cls: type[T], *, unknown: Unknown = "refuse") -> T:
    """Read an object of ``cls`` from JSON text; see :func:`from_dict`."""
    return from_dict(loads(text), cls, unknown=unknown)


def messages_to_json(messages: Iterable[Message], indent: int | None = None) -> str:
    """A conversation (a list of messages, a ``PromptTemplate``) as one JSON document."""
    document = {"v": VERSION, "messages": [write(message) for message in messages]}
    return _text(document, Message, indent)


def messages_from_json(text: str | bytes, *, unknown: Unknown = "refuse") -> list[Message]:
    """Read a conversation: what ``messages_to_json`` wrote, or a bare list of messages."""
    data = loads(text)
    if isinstance(data, dict):
        data = _without_version(data, "messages")
        data = data["messages"] if data.keys() == {"messages"} else data
    if not isinstance(data, list):
        raise AgentSerializationError('messages: expected {"v": 1, "messages": […]} or a list of messages')
    messages: tuple[Message, ...] = _read(data, tuple[Message, ...], unknown)
    return list(messages)


def restore(envelopes: Iterable[Mapping[str, Any]]) -> list[RunStreamEvent]:
    """Read stored envelopes, unknown things kept, with the ``output`` that each showed when it was live.

    The text of a run is not stored with its envelopes; it is computed here as the agent loop does.
    """
    texts: dict[str, RunningText] = {}
    restored = []
    for data in envelopes:
        envelope = from_dict(data, RunStreamEvent, unknown="keep")
        text = texts.setdefault(envelope.run_id, RunningText())
        restored.append(attrs.evolve(envelope, text=text.feed(envelope.path, envelope.event)))
    return restored


# -- documents ------------------------------------------------------------------------------------


def _document(obj: Any) -> dict[str, Any]:
    written = write(obj)
    return {"v": VERSION, **written} if isinstance(obj, VERSIONED) else written


def _without_version(data: Any, what: str) -> Any:
    if not isinstance(data, Mapping) or "v" not in data:
        return data
    version = data["v"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise AgentSerializationError(f'{what}: the version "v" is {version!r}, expected a number from 1')
    if version > VERSION:
        raise AgentSerializationError(
            f"{what}: the document is of version {version}, this Lamella reads up to {VERSION}; "
            "upgrade it: pip install --upgrade lamella"
        )
    return {name: value for name, value in data.items() if name != "v"}


def _read(data: Any, cls: Any, unknown: Unknown) -> Any:
    if unknown not in ("refuse", "keep"):
        raise AgentSerializationError(f'unknown must be "refuse" or "keep", got {unknown!r}')
    try:
        return reader(unknown == "keep").read(data, cls)
    except LamellaError:
        raise
    except Exception as fault:
        raise worded(fault, Message if cls == tuple[Message, ...] else cls) from fault


def _text(document: Any, cls: type[Any], indent: int | None) -> str:
    try:
        return dumps(document, indent=indent)
    except AgentSerializationError:
        _require_json(document, cls)
        raise


def _require_json(document: Any, cls: type[Any]) -> None:
    if (found := find_foreign(document)) is not None:
        raise AgentSerializationError(f"{cls.__name__}{found}")


def _plain(value: Any) -> Any:
    """A mutable copy of a JSON value; ``TypeError`` for anything else."""
    kind = type(value)
    if kind is str or value is None or kind is int or kind is bool:
        return value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise TypeError(f"{kind.__name__} is not JSON")
