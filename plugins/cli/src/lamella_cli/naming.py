"""The agent that the command line names, with what the command line says beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamella.agent import Agent, get_agent
from lamella.errors import ConfigError

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["named_agent"]


def named_agent(name: str, model: str | None, project: Project) -> Agent:
    """The agent of that name.

    :param model: the model of the command line, which one that has none needs.
    :raises ConfigError: there is no such agent, or it is a function, or it has no model.
    """
    config = project.agents.get(name)
    if config is not None and config.model is None and model is not None:
        return Agent(**{**config.arguments(), "model": model}, project=project)
    found = get_agent(name, project=project)
    if not isinstance(found, Agent):
        raise ConfigError(
            f"agent {name!r} is a function, which lamella run cannot show; run it in code, or register an Agent"
        )
    return found
