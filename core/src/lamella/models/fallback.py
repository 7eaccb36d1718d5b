"""``fallback``: several models as one. When one fails, the next goes on with the conversation."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from lamella.errors import AgentInputError, AgentParsingError, AgentSerializationError, LamellaError, LLMError
from lamella.events import AttemptCommit, AttemptRollback, AttemptStart, Event, ResponseDone
from lamella.models.capabilities import Capabilities
from lamella.models.completion import fold_response
from lamella.models.counting import TokenCount
from lamella.models.inputs import Input
from lamella.models.model import Embedding, Model, closing
from lamella.models.plan import Plan
from lamella.models.registry import get_model
from lamella.models.request import ModelRequest
from lamella.usage import TokenUsage

if TYPE_CHECKING:
    from lamella.specs import ModelInfo

__all__ = ["FallbackModel", "fallback"]

_ANOTHERS_CHANCE: Final = (LLMError, AgentSerializationError, AgentParsingError)
"""What one model fails at and another may not: its server, its wire, its answer."""


def _moves_on(error: LamellaError) -> bool:
    return isinstance(error, _ANOTHERS_CHANCE)


def fallback(*models: Model | str, on: Callable[[LamellaError], bool] = _moves_on) -> FallbackModel:
    """The first of ``models`` that answers, each with its own retries.

    The conversation moves as any history does: what is one vendor's alone stays behind and is in the
    losses of the response. A failed model is an ``attempt.rollback`` and the next an ``attempt.start``
    with its own provider and model, so that a UI can take text back; ``response.done`` says who answered.
    Each request begins with the first model again.

    :param models: models, or names for ``get_model``, which are built at once and closed with the chain.
    :param on: whether an error moves on to the next model; by default all errors of a provider do, and
        requests that one provider's wire cannot say.
    :raises AgentInputError: fewer than one model, or something that is none.
    """
    if not models:
        raise AgentInputError("fallback needs at least one model: fallback('openai:gpt-5-nano', 'sim:demo')")
    for model in models:
        if not isinstance(model, Model | str):
            raise AgentInputError(f"fallback takes models and their names, got {type(model).__name__}")
    built = tuple(get_model(model) if isinstance(model, str) else model for model in models)
    owned = tuple(made for made, given in zip(built, models, strict=True) if isinstance(given, str))
    return FallbackModel(models=built, on=on, owned=owned)


@attrs.define(kw_only=True, eq=False, slots=False)
class FallbackModel(Model):
    """Models in the order they are tried; made by :func:`fallback`."""

    provider = "fallback"

    models: Sequence[Model]
    on: Callable[[LamellaError], bool] = attrs.field(repr=False)
    owned: Sequence[Model] = attrs.field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        self.model = " > ".join(f"{model.provider}:{model.model}" for model in self.models)

    @property
    def issuer(self) -> str:
        """Whose opaque state the first model makes."""
        return self.models[0].issuer

    @property
    def capabilities(self) -> Capabilities:
        """What all of the models can do: any of them may have to."""
        every = [model.capabilities for model in self.models]
        flags = {
            field.name: all(getattr(each, field.name) for each in every)
            for field in attrs.fields(Capabilities)
            if isinstance(field.default, bool)
        }
        windows = [each.context_window for each in every]
        return Capabilities(
            **{**flags, "native_input": False},
            inputs=frozenset.intersection(*(each.inputs for each in every)),
            outputs=frozenset.intersection(*(each.outputs for each in every)),
            context_window=None
            if None in windows
            else min(window for window in windows if window is not None),
        )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """The events of the first model that answers, after the attempts of those that did not.

        :raises LamellaError: the error of the last model; ``context["fallback"]`` says how the others failed.
        """
        attempts = 0
        failed: list[str] = []
        for model in self.models:
            watch = _Watch(before=attempts)
            try:
                async with closing(model.stream(request)) as events:
                    async for event in events:
                        for shown in watch.feed(event, model):
                            yield shown
                return
            except LamellaError as error:
                if failed:
                    error.context = {**error.context, "fallback": tuple(failed)}
                if error.partial is None and watch.seen:
                    error.partial = fold_response(watch.seen)
                if model is self.models[-1] or not self.on(error):
                    raise
                failed.append(f"{model.provider}:{model.model}: {error.message}")
                for shown in watch.fail(error, model):
                    yield shown
                attempts = watch.attempt

    def plan(self, request: Input | ModelRequest) -> Plan:
        """The plan of the first model that can take the request, else of the first."""
        asked = ModelRequest.of(request)
        plans = [model.plan(asked) for model in self.models]
        return next((plan for plan in plans if plan.possible), plans[0])

    def with_settings(self, **changes: Any) -> FallbackModel:
        """The chain with other settings on each of its models."""
        if not changes:
            return self
        return attrs.evolve(self, models=tuple(model.with_settings(**changes) for model in self.models))

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """The first model's vectors. There is no falling back: another model's vectors mean something else."""
        return await self.models[0].embed(inputs, model=model, dimensions=dimensions)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """As the first model counts."""
        return await self.models[0].count_tokens(request)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models of the first model's provider."""
        return await self.models[0].list_models()

    async def aclose(self) -> None:
        """Close the models that were built from names; those you gave are yours to close."""
        for model in self.owned:
            await model.aclose()


class _Watch:
    """Follows one model's stream: numbers its attempts after those before, and makes them where it makes none.

    :param before: attempts of the models before.
    """

    def __init__(self, before: int) -> None:
        self.attempt = before
        self.seen: list[Event] = []
        self._before = before
        self._own = False
        self._usage: TokenUsage | None = None
        self._visible = False

    def feed(self, event: Event, model: Model) -> list[Event]:
        """What to show of an event."""
        self.seen.append(event)
        if isinstance(event, AttemptStart | AttemptRollback | AttemptCommit):
            self._own = True
            self.attempt = self._before + event.attempt
            if isinstance(event, AttemptStart | AttemptRollback):
                self._usage, self._visible = None, False
            return [attrs.evolve(event, attempt=self.attempt)]
        begun = self._begin(model)
        self._usage = event.token_usage or self._usage
        self._visible = self._visible or not event.durable
        if isinstance(event, ResponseDone) and not self._own:
            begun.append(AttemptCommit(attempt=self.attempt))
        return [*begun, event]

    def _begin(self, model: Model) -> list[Event]:
        if self.attempt > self._before:
            return []
        self.attempt += 1
        return [AttemptStart(attempt=self.attempt, provider=model.provider, model=model.model)]

    def fail(self, error: LamellaError, model: Model) -> list[Event]:
        """The end of this model's last attempt."""
        return [
            *self._begin(model),
            AttemptRollback(
                attempt=self.attempt,
                error=error.message,
                code=error.error_code.value,
                wait=0.0,
                visible=self._visible,
                token_usage=self._usage,
            ),
        ]
