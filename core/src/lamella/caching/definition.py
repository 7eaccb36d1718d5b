"""What an agent is made of: what it may do, the names in it, and the models that answer for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import attrs

from lamella.agent.agent import Agent
from lamella.agent.base import BaseAgent
from lamella.agent.prepare import model_of
from lamella.agent.scope import RunScope
from lamella.layers.binding import Bound
from lamella.layers.parts import NamedAgent, as_agent
from lamella.models.model import Model

__all__ = ["looked_up", "models_of", "what_it_does"]


def what_it_does(value: Any) -> Iterator[str]:
    """What in an agent may do more than answer."""
    if isinstance(value, Agent):
        if value.tools:
            yield f"the agent {value.name or 'without a name'} has tools"
    elif isinstance(value, BaseAgent):
        parts = None if isinstance(value, NamedAgent) else _parts(value)
        if parts is None:
            yield f"nobody knows what a {type(value).__qualname__} does"
        yield from what_it_does(parts or ())
    elif isinstance(value, Mapping):
        yield from what_it_does(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from what_it_does(item)
    elif isinstance(value, FunctionType):
        if not value.__module__.startswith("lamella."):
            yield f"it runs the function {value.__qualname__}"
    elif callable(value) and not isinstance(value, Model | type):
        yield f"nobody knows what a {type(value).__qualname__} does"


def _parts(agent: Any) -> list[Any] | None:
    """What layers are made of; ``None`` where nobody knows."""
    if isinstance(agent, Bound):
        return [as_agent(agent.agent), *(() if isinstance(agent.provider, str) else (agent.provider,))]
    kind: type[Any] = type(agent)
    if not attrs.has(kind):
        return None
    fields = (field for field in attrs.fields(kind) if field.init)
    return [
        getattr(agent, field.name) for field in fields if field.name not in ("approve", "sinks", "project")
    ]


def looked_up(value: Any, *, below: bool = False) -> Iterator[str]:
    """The names in an agent that only a run finds the meaning of; of an agent's own tools, a run has opened them."""
    if isinstance(value, NamedAgent):
        yield str(value.name)
    elif isinstance(value, Agent):
        yield from (tool for tool in value.tools if isinstance(tool, str) and below)
        yield from looked_up([tool for tool in value.tools if isinstance(tool, BaseAgent)], below=True)
    elif isinstance(value, BaseAgent):
        yield from looked_up(_parts(value) or (), below=True)
    elif isinstance(value, Mapping):
        yield from looked_up(list(value.values()), below=True)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from looked_up(item, below=True)


def models_of(value: Any, scope: RunScope) -> Iterator[Model]:
    """The models of an agent and of all below it, with what names and callers stand for."""
    if isinstance(value, Agent):
        model = model_of(value, scope)
        yield model
        yield from models_of(value.tools, attrs.evolve(scope, model=model))
    elif isinstance(value, Bound):
        model = value.bound_model(scope)
        yield model
        yield from models_of(as_agent(value.agent), attrs.evolve(scope, model=model))
    elif isinstance(value, BaseAgent):
        yield from models_of(_parts(value) or (), scope)
    elif isinstance(value, Mapping):
        yield from models_of(list(value.values()), scope)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from models_of(item, scope)
