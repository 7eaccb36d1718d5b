"""The kinds of plugins: their entry-point groups, what each contributes, and which may act unasked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import attrs

from lamella.specs import AgentSpec, ContentSpec, ProviderSpec, SinkSpec, Spec, ToolSourceSpec

__all__ = ["ADDRESSABLE", "CONTRIBUTIONS", "GROUPS", "KINDS", "Contribution", "Key", "Kind", "label"]

Kind: TypeAlias = Literal["provider", "content", "tool_source", "agent", "sink", "plugin"]
Key: TypeAlias = tuple[Kind, str]
"""Which plugin: its kind and its entry point's name."""

GROUPS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "lamella.providers": "provider",
        "lamella.content": "content",
        "lamella.tool_sources": "tool_source",
        "lamella.agents": "agent",
        "lamella.sinks": "sink",
        "lamella.plugins": "plugin",
    }
)
"""The kind of each entry-point group."""

KINDS: Final[tuple[Kind, ...]] = tuple(GROUPS.values())

ADDRESSABLE: Final[frozenset[Kind]] = frozenset({"provider", "content", "tool_source", "agent"})
"""Kinds that act only when a program names them; the others act where they are switched on."""


@attrs.frozen
class Contribution:
    """The hook through which a kind contributes, the spec it returns, and whether it returns several."""

    hook: str
    spec: type[Spec]
    several: bool = False


CONTRIBUTIONS: Final[Mapping[Kind, Contribution]] = MappingProxyType(
    {
        "provider": Contribution("lamella_provider", ProviderSpec),
        "content": Contribution("lamella_content_types", ContentSpec, several=True),
        "tool_source": Contribution("lamella_tool_source", ToolSourceSpec),
        "agent": Contribution("lamella_agent", AgentSpec),
        "sink": Contribution("lamella_event_sink", SinkSpec),
    }
)


def label(kind: Kind) -> str:
    """The kind in a sentence: ``"tool source"``."""
    return {"content": "content type", "tool_source": "tool source"}.get(kind, kind)
