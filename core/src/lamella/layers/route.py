"""``route``: one of several agents, chosen by a function or by another agent."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, TypeAlias

import attrs

from lamella.agent.agent import Agent
from lamella.agent.base import BaseAgent
from lamella.errors import AgentExecutionError, AgentInputError
from lamella.events import RunKind
from lamella.layers.layer import Layer
from lamella.layers.parts import AgentLike, as_agent
from lamella.layers.stage import Stage
from lamella.messages import Message
from lamella.models.model import Model
from lamella.tools import Emitted

__all__ = ["Chooser", "Route", "route"]

Chooser: TypeAlias = Callable[[Sequence[Message]], str | Awaitable[str]]
"""Says who answers: a name, of the messages."""


@attrs.frozen(kw_only=True, eq=False)
class Route(Layer):
    """One of several agents; made by :func:`route`."""

    kind: ClassVar[RunKind] = "chain"

    chooser: BaseAgent | Chooser
    agents: Mapping[str, BaseAgent]
    default: str | None = None

    async def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """Ask who answers, and let that one answer the same input."""
        if isinstance(self.chooser, BaseAgent):
            asking = stage.part(self.chooser, stage.given, name="router")
            async with aclosing(stage.play(asking)) as events:
                async for event in events:
                    yield event
            said = asking.output if asking.result is None else str(asking.result)
        else:
            found: Any = self.chooser(stage.given.messages)
            said = await found if inspect.isawaitable(found) else found
        name = self._meant(said)
        part = stage.part(self.agents[name], stage.given, name=name)
        async with aclosing(stage.play(part)) as events:
            async for event in events:
                yield event
        stage.output, stage.result, stage.stop_reason = part.output, part.result, part.stop_reason
        stage.value = part.value

    def _meant(self, said: object) -> str:
        """The agent that an answer names: it is the name, or holds it and no other."""
        text = str(said).strip().strip("\"'`.*").casefold()
        exact = [name for name in self.agents if name.casefold() == text]
        held = [name for name in self.agents if name.casefold() in str(said).casefold()]
        found = exact or held
        if len(found) == 1:
            return found[0]
        if self.default is not None:
            return self.default
        raise AgentExecutionError(
            f"the router said {said!r:.100}, which names {'none' if not found else 'several'} of "
            f"{', '.join(self.agents)}; give a default, or tell it to answer with one name"
        )


def route(
    chooser: AgentLike | Model | Chooser,
    agents: Mapping[str, AgentLike],
    *,
    default: str | None = None,
    **options: Any,
) -> Route:
    """One of several agents answers, with the input as it is.

    :param chooser: who says which: a ``Model`` or its name (``"openai:gpt-5-nano"``), which is told the names and
        descriptions; an agent, whose answer is the name; or a function of the messages.
    :param agents: the agents by name.
    :param default: who answers where the name that was said is none of these; without it that is an error.
    :param options: as for :func:`~lamella.layers.chain`.
    :raises AgentInputError: no agent, a default that is none of them, or something that is no agent.
    """
    given: object = agents
    if not isinstance(given, Mapping) or not given:
        raise AgentInputError(
            "route needs agents by name: route(chooser, {'law': lawyer, 'tax': accountant})"
        )
    parts = {name: as_agent(agent) for name, agent in agents.items()}
    if default is not None and default not in parts:
        raise AgentInputError(f"route: default {default!r} is none of {', '.join(parts)}")
    return Route(chooser=_chooser(chooser, parts), agents=parts, default=default, **options)


def _chooser(given: Any, agents: Mapping[str, BaseAgent]) -> BaseAgent | Chooser:
    if isinstance(given, Model) or (isinstance(given, str) and ":" in given):
        listed = "\n".join(
            f"- {name}: {agent.description}" if agent.description else f"- {name}"
            for name, agent in agents.items()
        )
        told = f"Say who of these is to answer the user. Answer with the name alone, nothing else.\n{listed}"
        return Agent(given, name="router", system_instruction=told)
    if isinstance(given, BaseAgent | str) or not callable(given):
        return as_agent(given)
    try:
        inspect.signature(given).bind(())
    except (TypeError, ValueError):
        return as_agent(given)
    chosen: Chooser = given
    return chosen
