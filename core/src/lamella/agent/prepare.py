"""What a run needs before its first turn: the model, the tools with their sources open, the guardrails."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import attrs

from lamella.agent.nested import agent_tool, bound
from lamella.agent.scope import RunScope
from lamella.agent.turns import AgentTurns
from lamella.errors import AgentInputError, LamellaError, PluginError
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model
from lamella.models.registry import get_model
from lamella.specs import Guardrail, ToolSource
from lamella.tools import Tool, as_tools, normalise_choice

if TYPE_CHECKING:
    from lamella.agent.agent import Agent
    from lamella.config import Project

__all__ = ["Prepared", "given_tools", "prepare"]

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Prepared:
    """An agent ready to take its turns."""

    agent: Agent
    scope: RunScope
    model: Model
    tools: Mapping[str, Tool]
    guardrails: Sequence[Guardrail]

    def turns(self, given: ParsedInput) -> AgentTurns:
        """The loop over one input."""
        return AgentTurns(
            agent=self.agent,
            model=self.model,
            tools=self.tools,
            given=given,
            scope=self.scope,
            guardrails=self.guardrails,
        )


def given_tools(items: Iterable[Any] | None) -> tuple[Any, ...]:
    """What an agent keeps of its ``tools``: functions become tools, and what must be opened waits for the run.

    :raises AgentInputError: something that is no tool, or two tools with one name.
    """
    if items is not None and (isinstance(items, str | Mapping) or not isinstance(items, Iterable)):
        raise AgentInputError(
            f"Agent.tools must be a list of tools, functions, agents and names of tool sources, "
            f"got {type(items).__name__}; put the one tool in a list"
        )
    kept = tuple(
        item if isinstance(item, str | ToolSource) or _is_agent(item) else as_tools([item])[0]
        for item in (items or ())
    )
    as_tools([item for item in kept if isinstance(item, Tool)])
    return kept


def static_names(items: Sequence[Any]) -> list[str] | None:
    """The names of the tools when all are known before a run, else ``None``."""
    if any(isinstance(item, str | ToolSource) for item in items):
        return None
    return [item.name for item in items]


def _is_agent(item: object) -> bool:
    return hasattr(item, "as_tool") and hasattr(item, "astream")


async def prepare(agent: Agent, scope: RunScope, stack: AsyncExitStack) -> Prepared:
    """Build, open and wrap what the agent needs; ``stack`` closes the tool sources when the run ends."""
    project = scope.state.project
    hooks = project.host.hooks
    opened: list[Any] = []
    for item in agent.tools:
        opened.extend(await _open(item, project, stack))
    tools = [hooks.wrap_tool(bound(tool, scope)) for tool in as_tools(opened)]
    named = {tool.name: tool for tool in tools}
    normalise_choice(agent.tool_choice, named)
    return Prepared(
        agent=agent,
        scope=scope,
        model=hooks.wrap_model(_model(agent, project)),
        tools=named,
        guardrails=(*agent.guardrails, *hooks.guardrails()),
    )


def _model(agent: Agent, project: Project) -> Model:
    given, settings = agent.model, agent.model_settings
    if isinstance(given, Model) and not settings:
        return given
    built = agent._built  # the agent's own cache, filled here because the agent has no logic
    name = given if isinstance(given, str) else "given"
    if name not in built:
        if isinstance(given, Model):
            built[name] = given.with_settings(**settings)
        else:
            built[name] = get_model(given, project=project, **settings)
    return built[name]


async def _open(item: Any, project: Project, stack: AsyncExitStack) -> Sequence[Any]:
    if _is_agent(item):
        return [agent_tool(item, item.name, item.description)]
    if isinstance(item, str):
        name, item = repr(item), project.build_tool_source(item)
    else:
        name = type(item).__name__
    if not isinstance(item, ToolSource):
        return [item]
    tools = await _opened(item, name)
    stack.push_async_callback(_close, item, name)
    return tools


async def _opened(source: ToolSource, name: str) -> Sequence[Any]:
    try:
        tools: Any = await source.open()
    except LamellaError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise PluginError(
            f"tool source {name} could not be opened: {type(error).__name__}: {error}", cause=error
        ) from error
    if not isinstance(tools, Sequence):
        await _close(source, name)
        raise PluginError(f"tool source {name} must open to a sequence of tools, got {type(tools).__name__}")
    return tools


async def _close(source: ToolSource, name: str) -> None:
    """Close a source; one that fails at it is reported, and does not undo a run that is over."""
    try:
        await source.close()
    except (Exception, SystemExit) as error:
        _log.warning("tool source %s failed to close: %s: %s", name, type(error).__name__, error)
        _log.debug("traceback", exc_info=error)
