"""What a run needs before its first turn: the model, the tools with their sources open, the guardrails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import attrs

from lamella.agent.answering import Answering, answering
from lamella.agent.nested import bound
from lamella.agent.scope import RunScope
from lamella.agent.toolbox import Toolbox, is_agent
from lamella.agent.turns import AgentTurns
from lamella.config import use_project
from lamella.errors import AgentInputError, ConfigError
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model
from lamella.models.registry import get_model
from lamella.specs import Guardrail, ToolSource
from lamella.tools import Tool, as_tools, normalise_choice

if TYPE_CHECKING:
    from lamella.agent.agent import Agent

__all__ = ["Prepared", "given_tools", "model_of", "prepare"]


@attrs.frozen(kw_only=True)
class Prepared:
    """An agent ready to take its turns."""

    agent: Agent
    scope: RunScope
    model: Model
    toolbox: Toolbox
    guardrails: Sequence[Guardrail]
    answering: Answering | None = None

    def facts(self) -> dict[str, Any]:
        """What the events that begin a run say of it."""
        return {
            "kind": "messages" if self.answering is None else "extraction",
            "agent": self.agent.name,
            "provider": self.model.provider,
            "model": self.model.model,
            "settings": self.model.settings,
            "system_instruction": self.agent.system_instruction,
        }

    def turns(self, given: ParsedInput) -> AgentTurns:
        """The loop over one input."""
        return AgentTurns(
            agent=self.agent,
            model=self.model,
            toolbox=self.toolbox,
            given=given,
            scope=self.scope,
            guardrails=self.guardrails,
            answering=self.answering,
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
        item if isinstance(item, str | ToolSource) or is_agent(item) else as_tools([item])[0]
        for item in (items or ())
    )
    as_tools([item for item in kept if isinstance(item, Tool)])
    return kept


def static_names(items: Sequence[Any]) -> list[str] | None:
    """The names of the tools when all are known before a run, else ``None``."""
    if any(isinstance(item, str | ToolSource) for item in items):
        return None
    return [item.name for item in items]


async def prepare(agent: Agent, scope: RunScope, stack: AsyncExitStack) -> Prepared:
    """Build, open and wrap what the agent needs; ``stack`` closes the tool sources when the run ends."""
    project = scope.state.project
    hooks = project.host.hooks
    with use_project(project):  # the hooks read their settings from the current project
        model = hooks.wrap_model(model_of(agent, scope))
        guardrails = (*agent.guardrails, *hooks.guardrails())
    scope = attrs.evolve(scope, model=model).spending(agent.budget)
    toolbox = Toolbox(lambda tool: _finished(tool, scope))
    await toolbox.open(agent.tools, project, stack)
    normalise_choice(agent.tool_choice, toolbox.tools)
    return Prepared(
        agent=agent,
        scope=scope,
        model=model,
        toolbox=toolbox,
        guardrails=guardrails,
        answering=answering(agent, model, toolbox.tools),
    )


def _finished(tool: Tool, scope: RunScope) -> Tool:
    """A tool as this run calls it."""
    project = scope.state.project
    with use_project(project):
        return project.host.hooks.wrap_tool(bound(tool, scope))


def model_of(agent: Agent, scope: RunScope) -> Model:
    """The agent's model: its own, else that of its caller, else the project's; built once where it is a name."""
    project = scope.state.project
    given, settings = agent.model or scope.model or project.model, agent.model_settings
    if given is None:
        raise ConfigError(
            f"the agent {agent.name or 'without a name'} has no model: give it one (Agent('openai:gpt-5-nano')), run it "
            'below an agent that has, or set the project\'s (model = "provider:model")'
        )
    if isinstance(given, Model) and not settings:
        return given
    built = agent._built  # the agent's own cache, filled here because the agent has no logic
    key = given if isinstance(given, str) else id(given)
    if key not in built:
        if isinstance(given, Model):
            made = given.with_settings(**settings)
        else:
            made = get_model(given, project=project, **settings)
        built[key] = (given, made)  # with what it was made of, so that its id is nobody else's
    return built[key][1]
