"""Named things of a configuration: tools and agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import attrs

from lamella.config.selection import Selection
from lamella.errors import ConfigError
from lamella.plugins.settings import Setting, plain

__all__ = ["AgentConfig", "ToolConfig", "price_pair", "read_tool"]

_SELECTION: Final = frozenset(field.name for field in attrs.fields(Selection))


@attrs.frozen(kw_only=True)
class ToolConfig:
    """``[tools.NAME]``: a tool source by name, the settings for it, and the selection of its tools."""

    name: str
    source: str
    settings: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    selection: Selection = attrs.field(factory=Selection)
    where: str = ""
    """Where it is configured."""


def read_tool(
    name: str, table: Mapping[str, Any], build: Callable[[type[Any], Mapping[str, Any], str], dict[str, Any]]
) -> ToolConfig:
    """The table ``[tools.NAME]``.

    :param build: checks a part of it against a settings class.
    :raises ConfigError: it names no source, or its selection does not fit.
    """
    first = next((item for item in table.values() if isinstance(item, Setting)), Setting(None))
    source = plain(table.get("source"))
    if not isinstance(source, str) or not source:
        raise ConfigError(
            f'{first.where}: tools.{name} must name its source, the tool source that it sets up: source = "…"'
        )
    chosen = {key: value for key, value in table.items() if key in _SELECTION}
    return ToolConfig(
        name=name,
        source=source,
        settings={key: value for key, value in table.items() if key not in {*_SELECTION, "source"}},
        selection=Selection(**build(Selection, chosen, f"tools.{name}")),
        where=first.where,
    )


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
    max_tool_output: int | None = None
    slow_sinks: Literal["wait", "shed"] | None = None
    journal: str | None = None
    tool_error_detail: Literal["message", "class"] | None = None
    streaming: bool | None = None
    transplant: Literal["strict", "degrade"] | None = None

    def arguments(self) -> dict[str, Any]:
        """What is set, as keyword arguments of ``Agent``."""
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}


def price_pair(model: str, setting: Setting) -> dict[str, Setting]:
    """``[input, output]`` as a table of prices; from the environment ``"input,output"``."""
    value = setting.value.split(",") if isinstance(setting.value, str) else setting.value
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ConfigError(
            f"{setting.where}: prices.{model} must be [input, output] or a table, got {setting.value!r}"
        )
    return {
        key: attrs.evolve(setting, value=price) for key, price in zip(("input", "output"), value, strict=True)
    }
