"""The hooks, and nothing else.

Hooks are synchronous and cheap, and do no I/O: what they return does the work. Implement one with
``@lamella.hookimpl``; the name starts with ``lamella_``, and an implementation may leave out
arguments it does not need. *Contribution* hooks are called once, when the plugin is activated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pluggy

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

__all__ = ["PROJECT_NAME", "hookimpl", "hookspec"]

PROJECT_NAME = "lamella"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


@hookspec
def lamella_provider() -> ProviderSpec | None:
    """Contribute a model provider. Its ``id`` is the name of the entry point in ``lamella.providers``."""


@hookspec
def lamella_content_types() -> Sequence[ContentSpec] | None:
    """Contribute content types. One of the ids is the name of the entry point in ``lamella.content``."""


@hookspec
def lamella_agent() -> AgentSpec | None:
    """Contribute an agent. Its ``id`` is the name of the entry point in ``lamella.agents``."""


@hookspec
def lamella_tool_source() -> ToolSourceSpec | None:
    """Contribute a tool source. Its ``id`` is the name of the entry point in ``lamella.tool_sources``."""


@hookspec
def lamella_event_sink() -> SinkSpec | None:
    """Contribute an event sink. Its ``id`` is the name of the entry point in ``lamella.sinks``."""


@hookspec
def lamella_cli() -> Sequence[CommandSpec] | None:
    """Contribute commands of the command line. Called when the command line starts."""


@hookspec(firstresult=True)
def lamella_encode_content(content: MediaContent, dialect: str) -> Mapping[str, Wire] | None:
    """Write a media block in a wire's form, ``None`` when this plugin does not know how.

    Called for each media block of each request, before any network. ``dialect`` is a name such as
    ``openai.responses``, ``openai.chat``, ``anthropic.messages``, ``mistral.chat``, ``gemini``,
    ``ollama``. Must not fetch or read anything: the block holds all there is.
    """


@hookspec(firstresult=True)
def lamella_price(
    usage: TokenUsage,
    model: str,
    provider: str | None,
    at: datetime | None,
    context: Mapping[str, str] | None,
) -> Cost | None:
    """Price a usage, ``None`` when this plugin has no price for the model.

    ``at`` is the time whose prices are asked for, ``None`` for those of now; a plugin that does not take it is not
    asked for those of another time. ``context`` chooses among prices for the same tokens, such as
    ``{"service_tier": "flex"}``, where it is known.
    """


@hookspec
def lamella_model_info(provider: str) -> Sequence[ModelInfo] | None:
    """Name models of a provider, beyond those in its ``ProviderSpec``."""


@hookspec
def lamella_wrap_model(model: Model) -> Model | None:
    """Wrap the model of an agent (middleware), ``None`` to leave it. Called once per run, ambient."""


@hookspec
def lamella_wrap_tool(tool: Tool) -> Tool | None:
    """Wrap a tool of an agent (middleware), ``None`` to leave it. Called once per run and tool, ambient."""


@hookspec
def lamella_guardrail() -> Guardrail | None:
    """Add a guardrail to every agent of the project. Called once per run, ambient."""


@hookspec(firstresult=True)
def lamella_executor() -> Executor | None:
    """Take over the execution of tool calls (durable execution). Called once per run, ambient."""


@hookspec
def lamella_configure(project: Project) -> None:
    """The project's configuration is complete. Called once per project, ambient; must not change it."""


def specifications() -> Mapping[str, Any]:
    """The hook specifications by name."""
    return {name: value for name, value in globals().items() if name.startswith("lamella_")}
