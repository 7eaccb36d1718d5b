"""``parallel``: agents side by side on the same input."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, TypeAlias

import attrs

from lamella.agent.base import BaseAgent
from lamella.errors import AgentInputError
from lamella.events import RunKind
from lamella.layers.layer import Layer
from lamella.layers.parts import AgentLike, as_agents
from lamella.layers.stage import OnError, Stage
from lamella.tools import Emitted

__all__ = ["Combine", "Parallel", "parallel"]

Combine: TypeAlias = Callable[[Mapping[str, str]], str]
"""Makes one answer of the answers by name, in the order of the agents."""


def one_after_the_other(answers: Mapping[str, str]) -> str:
    """All answers, with an empty line between."""
    return "\n\n".join(answers.values())


def _at_least_one(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise AgentInputError(f"parallel: max_concurrency must be an int >= 1, got {value!r}")


def _one_of(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in ("cancel", "collect"):
        raise AgentInputError(f'parallel: on_error must be "cancel" or "collect", got {value!r}')


@attrs.frozen(kw_only=True, eq=False)
class Parallel(Layer):
    """Agents side by side; made by :func:`parallel`."""

    kind: ClassVar[RunKind] = "parallel"

    agents: tuple[BaseAgent, ...]
    combine: Combine = one_after_the_other
    on_error: OnError = attrs.field(default="cancel", validator=_one_of)
    max_concurrency: int | None = attrs.field(default=None, validator=_at_least_one)

    async def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """Run all at once on the layer's input."""
        parts = [
            stage.part(agent, stage.given, name=f"part{place}") for place, agent in enumerate(self.agents, 1)
        ]
        async with aclosing(
            stage.together(parts, on_error=self.on_error, limit=self.max_concurrency)
        ) as events:
            async for event in events:
                yield event
        done = {part.name: part for part in parts if part.error is None}
        if not done:
            assert parts[0].error is not None
            raise parts[0].error
        stage.result = {
            name: part.output if part.result is None else part.result for name, part in done.items()
        }
        stage.output = self.combine({name: part.output for name, part in done.items()})


def parallel(
    *agents: AgentLike,
    combine: Combine = one_after_the_other,
    on_error: OnError = "cancel",
    max_concurrency: int | None = None,
    **options: Any,
) -> Parallel:
    """Agents side by side on the same input. ``RunResult.run`` has a run for each; the ``result`` their answers by name.

    :param agents: agents, layers, functions, names of configured agents.
    :param combine: makes the one answer of their answers by name; by default one after the other.
    :param on_error: ``cancel`` ends the others when one fails and raises its error, ``collect`` goes on with those
        that answer and raises only where none does. A failure is in its run either way.
    :param max_concurrency: how many may run at once, ``None`` for all.
    :param options: as for :func:`chain`.
    :raises AgentInputError: no agent, something that is none, or a value that does not fit.
    """
    return Parallel(
        agents=as_agents(agents, "parallel"),
        combine=combine,
        on_error=on_error,
        max_concurrency=max_concurrency,
        **options,
    )
