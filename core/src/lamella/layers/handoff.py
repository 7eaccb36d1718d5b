"""``handoffs``: agents that hand the conversation to each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final

import attrs

from lamella.agent.agent import Agent
from lamella.errors import AgentExecutionError, AgentInputError
from lamella.events import RunKind
from lamella.layers.layer import Layer
from lamella.layers.stage import Stage
from lamella.messages import Message
from lamella.tools import Emitted, Tool

__all__ = ["Handoffs", "handoffs"]


_PREFIX: Final = "transfer_to_"


def _transfer(agent: Agent) -> Tool:
    """The tool that hands the conversation to an agent. Its output says it all: of a stored run it is read again."""

    async def transfer() -> str:
        return f"{agent.name} goes on with the conversation."

    about = f": {agent.description}" if agent.description else ""
    return Tool(
        coroutine=transfer,
        name=f"{_PREFIX}{agent.name}",
        description=f"Hand the conversation to {agent.name}{about}",
        final=True,
        idempotent=True,
    )


def _handed_to(history: Sequence[Message]) -> str | None:
    """Who was handed the conversation last; where several were in one turn, the first of them."""
    outputs = history[-1].tool_outputs if history else ()
    names = (output.name for output in outputs if not output.is_error)
    return next((name.removeprefix(_PREFIX) for name in names if name and name.startswith(_PREFIX)), None)


@attrs.frozen(kw_only=True, eq=False)
class Handoffs(Layer):
    """Agents that hand over; made by :func:`handoffs`."""

    kind: ClassVar[RunKind] = "chain"

    agents: tuple[Agent, ...]
    max_handoffs: int = 10

    async def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """The first agent begins; who is handed the conversation goes on with all of it."""
        by_name = {str(agent.name): agent for agent in self.agents}
        current, given = self.agents[0], stage.given
        for _ in range(self.max_handoffs + 1):
            others = [_transfer(other) for other in self.agents if other is not current]
            part = stage.part(attrs.evolve(current, tools=(*current.tools, *others)), given)
            async with aclosing(stage.play(part)) as events:
                async for event in events:
                    yield event
            stage.output, stage.result, stage.stop_reason = part.output, part.result, part.stop_reason
            stage.value = part.value
            to = by_name.get(_handed_to(part.history) or "")
            if to is None:
                return
            current, given = to, attrs.evolve(stage.given, messages=part.history, plain=False)
        raise AgentExecutionError(
            f"the conversation was handed over more than {self.max_handoffs} times; raise max_handoffs, or tell the "
            "agents when to answer themselves"
        )


def handoffs(*agents: Agent, max_handoffs: int = 10, **options: Any) -> Handoffs:
    """Agents of which each can hand the conversation to another, with a tool ``transfer_to_NAME``. The first begins.

    :param agents: agents with names; their descriptions tell the others what they are for.
    :param max_handoffs: how often the conversation may change hands in a run.
    :param options: as for :func:`~lamella.layers.chain`.
    :raises AgentInputError: fewer than two agents, one without a name, or two of one name.
    """
    given: Sequence[object] = agents
    names = [agent.name if isinstance(agent, Agent) else None for agent in given]
    if len(agents) < 2 or None in names or len(set(names)) < len(names):
        raise AgentInputError("handoffs needs two or more Agent objects, each with a name of its own")
    if max_handoffs < 1:
        raise AgentInputError(f"handoffs: max_handoffs must be an int >= 1, got {max_handoffs!r}")
    return Handoffs(agents=agents, max_handoffs=max_handoffs, **options)
