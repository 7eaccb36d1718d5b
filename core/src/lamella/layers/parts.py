"""What a layer takes as a part: agents, layers, functions, and names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import attrs

from lamella.agent.base import BaseAgent, Ready
from lamella.agent.functional import AgentFunction
from lamella.agent.named import get_agent
from lamella.agent.scope import RunScope
from lamella.errors import AgentInputError
from lamella.layers.function import FunctionAgent
from lamella.layers.layer import Composite

__all__ = ["AgentLike", "NamedAgent", "as_agent", "as_agents"]

AgentLike: TypeAlias = BaseAgent | AgentFunction | str
"""An agent, a layer, a function ``async (model, emit, prev_runs) -> AgentRun``, or the name of an agent."""


@attrs.frozen(kw_only=True, eq=False)
class NamedAgent(Composite):
    """An agent of the configuration, looked up when it runs."""

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Ready:
        agent = as_agent(get_agent(str(self.name), project=scope.state.project))
        close = getattr(agent, "aclose", None)
        if close is not None:
            stack.push_async_callback(close)  # it was made for this run
        return await agent.prepare(scope.spending(self.budget), stack)


def as_agent(item: Any) -> BaseAgent:
    """A part as an agent.

    :raises AgentInputError: it is none.
    """
    if isinstance(item, BaseAgent):
        return item
    if isinstance(item, str):
        return NamedAgent(name=item)
    if callable(item) and _takes_three(item):
        return FunctionAgent(function=item)
    raise AgentInputError(
        f"an agent is an Agent, a layer, a function async (model, emit, prev_runs) -> AgentRun, or the name of an "
        f"agent; got {item!r:.80} ({type(item).__name__})"
    )


def _takes_three(item: Any) -> bool:
    try:
        inspect.signature(item).bind(None, None, None)
    except (TypeError, ValueError):
        return False
    return True


def as_agents(items: Iterable[Any], owner: str) -> tuple[BaseAgent, ...]:
    """The parts of a layer.

    :raises AgentInputError: there are none, or one is no agent.
    """
    agents = tuple(map(as_agent, items))
    if not agents:
        raise AgentInputError(f"{owner} needs at least one agent")
    return agents
