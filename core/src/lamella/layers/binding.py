"""``bind``: an agent on a model of a provider, ready to run; its runs say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import attrs

from lamella.agent.base import Ready, Turns
from lamella.agent.functional import Emit, NoModel, run_as_function
from lamella.agent.scope import RunScope
from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent
from lamella.layers.layer import Composite
from lamella.layers.parts import AgentLike, as_agent
from lamella.models.inputs import ParsedInput
from lamella.models.model import Model
from lamella.models.registry import get_model
from lamella.runs import AgentRun

__all__ = ["Bound", "ModelFactory", "bind", "binder", "partial_binder"]

ModelFactory: TypeAlias = Callable[..., Model]
"""``(model, **settings) -> Model``."""


async def _silent(event: RunStreamEvent) -> None:
    """Takes the events of a run that nobody watches."""


@attrs.frozen(kw_only=True, eq=False)
class Bound(Composite):
    """An agent on a model; made by :func:`bind`. The model is built on first use; close it with ``aclose``."""

    agent: AgentLike
    provider: str | ModelFactory
    model_name: str
    settings: dict[str, Any] = attrs.field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.name is None:
            inner = as_agent(self.agent)
            object.__setattr__(self, "name", inner.name)
            object.__setattr__(self, "description", self.description or inner.description)

    @property
    def provider_name(self) -> str:
        """The provider's name, of a factory that of the function or class."""
        return self.provider if isinstance(self.provider, str) else self.provider.__name__

    async def prepare(self, scope: RunScope, stack: AsyncExitStack) -> Ready:
        """The agent on its model."""
        scope = scope.spending(self.budget)
        model = self.bound_model(scope)
        inner = as_agent(self.agent).on(model)
        return _Provenance(self, await inner.prepare(attrs.evolve(scope, model=model), stack))

    def bound_model(self, scope: RunScope) -> Model:
        """The model, built once."""
        if "bound" not in self._built:
            if isinstance(self.provider, str):
                name = f"{self.provider}:{self.model_name}"
                self._built["bound"] = get_model(name, project=scope.state.project, **self.settings)
            else:
                self._built["bound"] = self.provider(self.model_name, **self.settings)
        return self._built["bound"]

    def provenance(self) -> dict[str, Any]:
        """What the run says it was bound to: the names that were given, settings if there are any."""
        given = {"provider": self.provider_name, "model": self.model_name}
        return {**given, **({"settings": self.settings} if self.settings else {})}

    async def after(self, prev_runs: Sequence[AgentRun], emit: Emit = _silent) -> AgentRun:
        """Run after other runs, whose messages it goes on with, and return its own.

        :raises AgentInputError: the previous runs hold no message.
        """
        return await run_as_function(self, NoModel(), emit, prev_runs)


@attrs.frozen
class _Provenance:
    """The agent inside, which says what it was bound to."""

    bound: Bound
    inner: Ready

    def facts(self) -> dict[str, Any]:
        return {**self.inner.facts(), **self.bound.provenance()}

    def turns(self, given: ParsedInput) -> Turns:
        return self.inner.turns(given)


def bind(agent: AgentLike, provider: str | ModelFactory, model: str, **settings: Any) -> Bound:
    """An agent on a model of a provider: ``bind(agent, "openai", "gpt-5-nano", temperature=0)``.

    :param agent: an agent, a layer, a function, or the name of a configured agent.
    :param provider: the provider's name, or a factory ``(model, **settings) -> Model``.
    :raises AgentInputError: something that is no agent, no provider, or no model's name.
    """
    given: object = provider
    if not isinstance(given, str) and not callable(given):
        raise AgentInputError(f"bind: provider must be a name or a factory, got {type(provider).__name__}")
    if not model:
        raise AgentInputError(f"bind: model must be the name of a model, got {model!r}")
    as_agent(agent)
    return Bound(agent=agent, provider=provider, model_name=model, settings=dict(settings))


def binder(provider: str | ModelFactory, model: str, **settings: Any) -> Callable[[AgentLike], Bound]:
    """What binds agents to one model; also a decorator of a functional agent."""

    def bound_to(agent: AgentLike) -> Bound:
        return bind(agent, provider, model, **settings)

    return bound_to


def partial_binder(provider: str | ModelFactory) -> Callable[..., Callable[[AgentLike], Bound]]:
    """A binder of one provider, whose model is still to be said: ``(model, **settings)`` gives a binder."""

    def of_model(model: str, **settings: Any) -> Callable[[AgentLike], Bound]:
        return binder(provider, model, **settings)

    return of_model
