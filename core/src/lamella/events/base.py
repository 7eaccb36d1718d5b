"""What all events share, and the event that this installation does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from lamella._frozen import EMPTY, Wire, freeze, freeze_mapping
from lamella.usage import TokenUsage

__all__ = ["Event", "OpaqueEvent", "RunKind", "StopReason"]

StopReason: TypeAlias = Literal[
    "end_turn", "tool_use", "max_tokens", "stop_sequence", "refusal", "content_filter", "pause", "other"
]

RunKind: TypeAlias = Literal["messages", "parallel", "chain", "extraction"]


@attrs.frozen(kw_only=True)
class Event:
    """Base of all events.

    ``id`` is the provider's item id, ``raw_event`` the provider's chunk unaltered (frozen when read),
    ``token_usage`` the usage known at this event; each is ``None`` where there is none.
    """

    type: ClassVar[str] = "event"
    durable: ClassVar[bool] = True

    id: str | None = None
    _raw_event: Wire | None = attrs.field(default=None, repr=False, hash=False)
    token_usage: TokenUsage | None = None
    extra: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)

    @property
    def raw_event(self) -> Wire | None:
        """The provider's chunk as it came, immutable."""
        return freeze(self._raw_event)


@attrs.frozen(kw_only=True)
class OpaqueEvent(Event):
    """A stored event of a type that this installation does not know, kept verbatim."""

    type: str  # type: ignore[misc]  # an instance attribute here: the stored tag
    data: Mapping[str, Any] = attrs.field(default=EMPTY, converter=freeze_mapping, repr=False)
