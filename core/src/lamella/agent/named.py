"""Agents by name: those of the configuration, those registered in code, and those of installed plugins."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from lamella.agent.agent import Agent
from lamella.agent.functional import AgentFunction
from lamella.errors import ConfigError, PluginError
from lamella.plugins import registered_agents

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["get_agent"]


def get_agent(name: str, *, project: Project | None = None) -> Agent | AgentFunction:
    """The agent that ``[agents.NAME]`` sets up, else the one that ``register_agent`` made known, else a plugin's.

    A configured agent is made anew each time, with the project's model where its table names none; its tools are
    opened when it runs.

    :param project: whose configuration, by default the current project's.
    :raises ConfigError: there is none; its table does not fit; or there is no model for it.
    :raises PluginError: the plugin cannot be used, or its agent not be made.
    """
    from lamella.config import current_project

    project = current_project() if project is None else project
    config = project.agents.get(name)
    if config is not None:
        given = config.arguments()
        if "model" not in given:
            raise ConfigError(
                f'agent {name!r} has no model: set model = "provider:model" in [agents.{name}], or for the project'
            )
        return Agent(**given, project=project)
    registered = registered_agents().get(name)
    if registered is not None:
        agent: Agent | AgentFunction = registered.agent
        return agent
    installed = project.host.names("agent")
    if name in installed:
        return _of_plugin(name, project)
    names = sorted({*project.agents, *registered_agents(), *installed})
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(
        f"there is no agent {name!r}{hint} (known: {', '.join(names) or 'none'}). Configure it: [agents.{name}], "
        "or register it: lamella.register_agent",
        context={"name": name, "known": names},
    )


def _of_plugin(name: str, project: Project) -> Agent | AgentFunction:
    made: Agent | AgentFunction = project.host.make(project.host.agent(name))
    given: object = made
    if not callable(given):
        raise PluginError(f"the factory of agent {name!r} returned {type(given).__name__}, not an agent")
    return made
