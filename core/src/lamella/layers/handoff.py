"""``handoffs``: agents that hand the conversation to each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import attrs

from lamella.agent.agent import Agent
from lamella.errors import AgentExecutionError, AgentInputError
from lamella.events import RunKind
from lamella.layers.layer import Layer
from lamella.layers.stage import Stage
from lamella.tools import Emitted, Tool

__all__ = ["Handoffs", "handoffs"]


class _Turnstile:
    """Where a tool leaves the name of who goes on."""

    def __init__(self) -> None:
        self.next: str | None = None

    def tool(self, agent: Agent) -> Tool:
        name = str(agent.name)

        async def transfer() -> str:
            if self.next is not None:
                return f"The conversation is already going to {self.next}."
            self.next = name
            return f"{name} goes on with the conversation."

        about = f": {agent.description}" if agent.description else ""
        return Tool(
            coroutine=transfer,
            name=f"transfer_to_{name}",
            description=f"Hand the conversation to {name}{about}",
            final=True,
        )


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
            turnstile = _Turnstile()
            others = [turnstile.tool(other) for other in self.agents if other is not current]
            part = stage.part(attrs.evolve(current, tools=(*current.tools, *others)), given)
            async with aclosing(stage.play(part)) as events:
                async for event in events:
                    yield event
            stage.output, stage.result, stage.stop_reason = part.output, part.result, part.stop_reason
            stage.value = part.value
            if turnstile.next is None:
                return
            current, given = (
                by_name[turnstile.next],
                attrs.evolve(stage.given, messages=part.history, plain=False),
            )
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
