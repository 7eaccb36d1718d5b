"""Agents by name: configured ones and registered ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lamella import Agent, AgentInputError, ConfigError, Project, get_agent, register_agent
from lamella.config import use_project
from lamella.plugins import unregister_agent

from fakes import ScriptedModel, bare, says


def configured(**tables: Any) -> Project:
    return Project.bare(overrides={"agents": tables})


@pytest.fixture
def registered() -> Iterator[Agent]:
    agent = Agent(ScriptedModel(says("hello")), name="greeter", project=bare())
    register_agent("greeter", agent)
    yield agent
    unregister_agent("greeter")


def test_f_run04_a_configured_agent_is_made_of_its_table() -> None:
    project = configured(writer={"model": "acme:m", "system_instruction": "Write.", "max_iterations": 3})
    agent = get_agent("writer", project=project)
    assert isinstance(agent, Agent)
    assert (agent.name, agent.model, agent.system_instruction) == ("writer", "acme:m", "Write.")
    assert (agent.max_iterations, agent.project) == (3, project)
    with use_project(project):
        found = get_agent("writer")
    assert isinstance(found, Agent)
    assert (found.name, found.project) == ("writer", project)


def test_f_run04_a_registered_agent_is_found(registered: Agent) -> None:
    assert get_agent("greeter", project=bare()) is registered


def test_the_configuration_comes_first(registered: Agent) -> None:
    found = get_agent("greeter", project=configured(greeter={"model": "acme:m"}))
    assert found is not registered


def test_an_agent_that_is_not_there_is_named(registered: Agent) -> None:
    with pytest.raises(ConfigError, match=r"no agent 'greter'; did you mean 'greeter'\?.*\[agents.greter\]"):
        get_agent("greter", project=configured(writer={"model": "acme:m"}))


def test_a_table_that_does_not_fit() -> None:
    with pytest.raises(ConfigError, match=r'agent \'writer\' has no model: set model = "provider:model"'):
        get_agent("writer", project=configured(writer={}))
    with pytest.raises(AgentInputError, match="max_iterations"):
        get_agent("writer", project=configured(writer={"model": "acme:m", "max_iterations": 0}))
