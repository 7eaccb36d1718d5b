"""Named things of a configuration: tools and agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

__all__ = ["AgentConfig", "ToolConfig"]


@attrs.frozen(kw_only=True)
class ToolConfig:
    """``[tools.NAME]``: a tool source by name, and the settings for it."""

    name: str
    source: str
    settings: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    where: str = ""
    """Where it is configured."""


@attrs.frozen(kw_only=True)
class AgentConfig:
    """``[agents.NAME]``: the arguments of an ``Agent``; ``None`` is not set. ``tools`` are names of ``[tools]``."""

    model: str | None = None
    name: str | None = None
    description: str | None = None
    system_instruction: str | None = attrs.field(default=None, repr=False)
    tools: tuple[str, ...] | None = None
    tool_choice: str | None = None
    force_every_turn: bool | None = None
    parallel_tool_calls: bool | None = None
    max_iterations: int | None = None
    on_limit: Literal["raise", "return"] | None = None
    max_concurrency: int | None = None
    approval_timeout: float | None = None
    slow_sinks: Literal["wait", "shed"] | None = None
    tool_error_detail: Literal["message", "class"] | None = None
    streaming: bool | None = None
    transplant: Literal["strict", "degrade"] | None = None

    def arguments(self) -> dict[str, Any]:
        """What is set, as keyword arguments of ``Agent``."""
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}
