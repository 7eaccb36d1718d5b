"""The form of each hook, for the type checker of a plugin's author.

Assign an implementation, and the checker compares it with the specification::

    from lamella.plugins.protocols import PriceHook

    _check: PriceHook = lamella_price

These are the full forms. At run time an implementation may leave out arguments it does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lamella._frozen import Wire
    from lamella.config import Project
    from lamella.content import MediaContent
    from lamella.models import Model
    from lamella.specs import (
        AgentSpec,
        CommandSpec,
        ContentSpec,
        Executor,
        Guardrail,
        ModelInfo,
        ProviderSpec,
        SinkSpec,
        ToolSourceSpec,
    )
    from lamella.tools import Tool
    from lamella.usage import Cost, TokenUsage

__all__ = [
    "CliHook",
    "ConfigureHook",
    "ContentTypesHook",
    "EncodeContentHook",
    "EventSinkHook",
    "ExecutorHook",
    "GuardrailHook",
    "ModelInfoHook",
    "PriceHook",
    "ProviderHook",
    "AgentHook",
    "ToolSourceHook",
    "WrapModelHook",
    "WrapToolHook",
]


class ProviderHook(Protocol):
    """``lamella_provider``."""

    def __call__(self) -> ProviderSpec | None: ...


class ContentTypesHook(Protocol):
    """``lamella_content_types``."""

    def __call__(self) -> Sequence[ContentSpec] | None: ...


class AgentHook(Protocol):
    """``lamella_agent``."""

    def __call__(self) -> AgentSpec | None: ...


class ToolSourceHook(Protocol):
    """``lamella_tool_source``."""

    def __call__(self) -> ToolSourceSpec | None: ...


class EventSinkHook(Protocol):
    """``lamella_event_sink``."""

    def __call__(self) -> SinkSpec | None: ...


class CliHook(Protocol):
    """``lamella_cli``."""

    def __call__(self) -> Sequence[CommandSpec] | None: ...


class EncodeContentHook(Protocol):
    """``lamella_encode_content``."""

    def __call__(self, content: MediaContent, dialect: str) -> Mapping[str, Wire] | None: ...


class PriceHook(Protocol):
    """``lamella_price``."""

    def __call__(
        self,
        usage: TokenUsage,
        model: str,
        provider: str | None,
        at: datetime | None,
        context: Mapping[str, str] | None,
    ) -> Cost | None: ...


class ModelInfoHook(Protocol):
    """``lamella_model_info``."""

    def __call__(self, provider: str) -> Sequence[ModelInfo] | None: ...


class WrapModelHook(Protocol):
    """``lamella_wrap_model``."""

    def __call__(self, model: Model) -> Model | None: ...


class WrapToolHook(Protocol):
    """``lamella_wrap_tool``."""

    def __call__(self, tool: Tool) -> Tool | None: ...


class GuardrailHook(Protocol):
    """``lamella_guardrail``."""

    def __call__(self) -> Guardrail | None: ...


class ExecutorHook(Protocol):
    """``lamella_executor``."""

    def __call__(self) -> Executor | None: ...


class ConfigureHook(Protocol):
    """``lamella_configure``."""

    def __call__(self, project: Project) -> None: ...
