"""What the layers have in common: agents put together are an agent again, and need no model of their own."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, ClassVar, Literal, Self

import attrs

from lamella.agent.base import BaseAgent
from lamella.agent.fanout import SlowSinkPolicy
from lamella.agent.journal import Journal, as_journal
from lamella.agent.scope import RunScope
from lamella.budgets import Account, Budget
from lamella.config import Project
from lamella.errors import AgentInputError
from lamella.events import ApprovalPending, RunKind, StopReason
from lamella.layers.stage import Stage
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model
from lamella.models.registry import get_model
from lamella.runs import NO_VALUE
from lamella.specs import Sink
from lamella.tools import Emitted

__all__ = ["Composite", "Layer"]


def _named(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise AgentInputError(f"{type(instance).__name__}.{attribute.name} must be text, got {value!r:.80}")


def _a_model(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Model | str):
        raise AgentInputError(
            f"{type(instance).__name__}.model must be a Model or a name such as 'openai:gpt-5-nano', "
            f"got {type(value).__name__}"
        )


@attrs.frozen(kw_only=True, eq=False)
class Composite(BaseAgent):
    """Base of what is made of agents. Write ``prepare``.

    :param name: identifies the layer in events, logs and runs; needed to use it as a tool.
    :param description: what another agent's model reads about it.
    :param model: for parts that have none of their own; a name is built on first use (close it with ``aclose``).
    :param approve: decides tools that require approval, as for ``Agent``.
    :param budget: what a run may spend, all parts together.
    :param sinks: receive the run's events, beside the sinks that the project enables.
    :param journal: a run store that has everything before it is shown or done, as for ``Agent``.
    :param meta: JSON values that are stored with each run.
    """

    name: str | None = attrs.field(default=None, validator=_named)
    description: str | None = attrs.field(default=None, validator=_named)
    model: Model | str | None = attrs.field(default=None, validator=_a_model)
    approve: Callable[[ApprovalPending], bool | Awaitable[bool]] | None = attrs.field(
        default=None, repr=False
    )
    approval_timeout: float = attrs.field(default=300.0, repr=False)
    sinks: Sequence[Sink] = attrs.field(default=(), repr=False)
    slow_sinks: SlowSinkPolicy = attrs.field(default="wait", repr=False)
    journal: Journal | str | Literal[False] | None = attrs.field(
        default=None, converter=as_journal, repr=False
    )
    meta: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    budget: Budget | Account | None = attrs.field(default=None, repr=False)
    project: Project | None = attrs.field(default=None, repr=False)
    _built: dict[str, Model] = attrs.field(factory=dict, init=False, repr=False)

    def _model(self, scope: RunScope) -> Model | None:
        if not isinstance(self.model, str):
            return self.model
        if self.model not in self._built:
            self._built[self.model] = get_model(self.model, project=scope.state.project)
        return self._built[self.model]

    def on(self, model: Model) -> Self:
        """This layer with ``model`` for the parts that have none of their own."""
        return attrs.evolve(self, model=model)

    async def aclose(self) -> None:
        """Close the model that was built from a name; the parts are yours to close."""
        while self._built:
            await self._built.popitem()[1].aclose()


@attrs.frozen(kw_only=True, eq=False)
class Layer(Composite):
    """Base of the layers. Write :meth:`work`."""

    kind: ClassVar[RunKind] = "chain"

    @abc.abstractmethod
    def work(self, stage: Stage) -> AsyncGenerator[Emitted, None]:
        """Run the parts; yield what they emit, and leave the answer in ``stage``."""

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> _Ready:
        """The parts are prepared when their turn comes."""
        scope = scope.spending(self.budget)
        model = self._model(scope)
        return _Ready(self, scope if model is None else attrs.evolve(scope, model=model))

    def facts(self, scope: RunScope) -> dict[str, Any]:
        """A layer is its kind and its name; the models are its parts'."""
        return {"kind": self.kind, "agent": self.name}


@attrs.frozen
class _Ready:
    layer: Layer
    scope: RunScope

    def facts(self) -> dict[str, Any]:
        """What the events that begin the run say of the layer."""
        return self.layer.facts(self.scope)

    def turns(self, given: ParsedInput) -> _Work:
        """The work on one input."""
        return _Work(self.layer, Stage(scope=self.scope, given=given))


class _Work:
    def __init__(self, layer: Layer, stage: Stage) -> None:
        self._layer = layer
        self._stage = stage

    @property
    def output(self) -> str:
        """The answer."""
        return self._stage.output

    @property
    def result(self) -> Any:
        """The answer as JSON."""
        return self._stage.result

    @property
    def value(self) -> Any:
        """The answer as the last part's ``output_type``; its JSON where there is no such part."""
        stage = self._stage
        return stage.result if stage.value is NO_VALUE and stage.result is not None else stage.value

    @property
    def stop_reason(self) -> StopReason:
        """Why it ended."""
        return self._stage.stop_reason

    @property
    def kind(self) -> RunKind | None:
        """What the run turned out to be, where the layer could not know it."""
        return self._stage.kind

    async def events(self) -> AsyncGenerator[Emitted, None]:
        """What the parts emit."""
        async with aclosing(self._layer.work(self._stage)) as events:
            async for event in events:
                yield event
