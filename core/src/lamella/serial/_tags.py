"""Which class a ``type`` tag names: the closed unions of the core and the two that plugins add to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from lamella import events
from lamella.content import (
    Block,
    MediaContent,
    ReasoningBlock,
    TextBlock,
    ToolCallBlock,
    ToolOutputBlock,
)
from lamella.errors import PluginError
from lamella.events import Event, OpaqueEvent
from lamella.runs import (
    AgentRun,
    ChainRun,
    ExtractionRun,
    MessageOutputItem,
    MessagesRun,
    OutputRejectedItem,
    ParallelRun,
    ReasoningItem,
    RunItem,
    ToolCallItem,
    ToolCallOutputItem,
)

__all__ = [
    "ITEMS",
    "RUNS",
    "ContentResolver",
    "block_class",
    "event_class",
    "register_content",
    "register_event",
    "set_content_resolver",
]

ContentResolver: TypeAlias = Callable[[str], type[MediaContent] | None]

EventClass = TypeVar("EventClass", bound=type[Event])
ContentClass = TypeVar("ContentClass", bound=type[MediaContent])

ITEMS: Final[dict[str, type[RunItem]]] = {
    cls.type: cls
    for cls in (MessageOutputItem, ToolCallItem, ToolCallOutputItem, ReasoningItem, OutputRejectedItem)
}
RUNS: Final[dict[str, type[AgentRun]]] = {
    cls.type: cls for cls in (MessagesRun, ParallelRun, ChainRun, ExtractionRun)
}
_CORE_EVENTS: Final[dict[str, type[Event]]] = {
    cls.type: cls
    for cls in map(vars(events).__getitem__, events.__all__)
    if isinstance(cls, type) and issubclass(cls, Event) and cls not in (Event, OpaqueEvent)
}
_CORE_FAMILIES: Final = {tag.partition(".")[0] for tag in _CORE_EVENTS}
_CORE_BLOCKS: Final[dict[str, type[Block]]] = {
    cls.type: cls for cls in (TextBlock, ReasoningBlock, ToolCallBlock, ToolOutputBlock, MediaContent)
}

_events: dict[str, type[Event]] = {}
_contents: dict[str, type[MediaContent]] = {}


def _from_plugins(tag: str) -> type[MediaContent] | None:
    from lamella.config import content_class

    return content_class(tag)


_resolver: ContentResolver | None = _from_plugins


def register_event(cls: EventClass) -> EventClass:
    """Make an event type of a third party readable from JSON. Usable as a class decorator.

    :raises PluginError: ``type`` has no prefix of its own (``"acme.thing"``), or another class has it.
    """
    _require_subclass(cls, Event, "register_event")
    tag = vars(cls).get("type")
    if not isinstance(tag, str) or "." not in tag.strip("."):
        raise PluginError(f'{_name(cls)} needs a type under a prefix of its own, such as "acme.thing"')
    family = tag.partition(".")[0]
    if family in _CORE_FAMILIES:
        raise PluginError(
            f'{_name(cls)}: the prefix "{family}." of type {tag!r} belongs to the core; use your own'
        )
    _claim(_events, tag, cls, "event")
    return cls


def register_content(cls: ContentClass) -> ContentClass:
    """Make a content type readable from JSON. Usable as a class decorator.

    :raises PluginError: ``type`` is not set, belongs to the core, or another class has it.
    """
    _require_subclass(cls, MediaContent, "register_content")
    if cls.type in _CORE_BLOCKS:
        raise PluginError(f"{_name(cls)}: type {cls.type!r} belongs to the core; set a type of your own")
    _claim(_contents, cls.type, cls, "content")
    return cls


def _require_subclass(cls: object, base: type, function: str) -> None:
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise PluginError(f"{function} takes a subclass of {base.__name__}, got {cls!r}")


def _claim(
    registry: dict[str, type[Event]] | dict[str, type[MediaContent]], tag: str, cls: type, kind: str
) -> None:
    holder: type = registry.setdefault(tag, cls)
    if holder is not cls:
        raise PluginError(
            f"{kind} type {tag!r} is claimed by {_name(holder)} and by {_name(cls)}; "
            "uninstall or disable one of the two"
        )


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def set_content_resolver(resolver: ContentResolver | None) -> None:
    """Set whom to ask for the class of a tag that nobody registered: by default the project's content plugins.

    ``resolver(tag)`` returns a ``MediaContent`` subclass or ``None``; ``None`` as resolver asks nobody.
    """
    global _resolver
    _resolver = resolver


def event_class(tag: str) -> type[Event] | None:
    """The event class of a tag, ``None`` when nobody registered one."""
    return _CORE_EVENTS.get(tag) or _events.get(tag)


def block_class(tag: str) -> type[Block] | None:
    """The block class of a tag, ``None`` when neither the core nor a plugin has one."""
    known = _CORE_BLOCKS.get(tag) or _contents.get(tag)
    if known is not None or _resolver is None:
        return known
    found = _resolver(tag)
    if found is None:
        return None
    if found.type != tag:
        raise PluginError(
            f"{_name(found)} was found for content type {tag!r}, but its type is {found.type!r}"
        )
    return found
