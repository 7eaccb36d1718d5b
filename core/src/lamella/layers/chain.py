"""``chain``: agents one after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar

import attrs

from lamella.agent.base import BaseAgent
from lamella.events import RunKind
from lamella.layers.extracting import Extractor, says_last
from lamella.layers.layer import Layer
from lamella.layers.parts import AgentLike, as_agents
from lamella.layers.stage import Stage
from lamella.tools import Emitted

__all__ = ["Chain", "chain"]


@attrs.frozen(kw_only=True, eq=False)
class Chain(Layer):
    """Agents one after the other; made by :func:`chain`."""

    kind: ClassVar[RunKind] = "chain"

    agents: tuple[BaseAgent, ...]
    extract: Extractor = says_last

    async def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """Run each on what the extractor makes of those before it; the last one's answer is the chain's."""
        for place, agent in enumerate(self.agents):
            given: Any = stage.given if place == 0 else self.extract(stage.prev_runs)
            part = stage.part(agent, given, name=f"step{place + 1}")
            async with aclosing(stage.play(part)) as events:
                async for event in events:
                    yield event
            stage.output, stage.result, stage.stop_reason = part.output, part.result, part.stop_reason
            stage.value = part.value


def chain(*agents: AgentLike, extract: Extractor = says_last, **options: Any) -> Chain:
    """Agents one after the other; the answer of the last is the answer.

    :param agents: agents, layers, functions, names of configured agents.
    :param extract: makes the input of the second and each later agent of the runs before it (the first of which
        holds the chain's input); by default the last answer, as a message of the user. ``conversation`` hands on
        everything.
    :param options: ``name``, ``description``, ``model`` (for agents that have none), ``sinks``, ``approve``,
        ``approval_timeout``, ``project``.
    :raises AgentInputError: no agent, or something that is none.
    """
    return Chain(agents=as_agents(agents, "chain"), extract=extract, **options)
