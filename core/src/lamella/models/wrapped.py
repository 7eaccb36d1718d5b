"""``WrappedModel``: base of models around another model. It passes everything on; override what is yours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import attrs

from lamella.events import Event
from lamella.models.capabilities import Capabilities
from lamella.models.counting import TokenCount
from lamella.models.inputs import Input
from lamella.models.model import Embedding, Model
from lamella.models.plan import Plan
from lamella.models.request import ModelRequest

if TYPE_CHECKING:
    from lamella.specs import ModelInfo

__all__ = ["WrappedModel"]


@attrs.define(kw_only=True, eq=False, slots=False)
class WrappedModel(Model):
    """A model around ``inner``: its provider, its name, its settings; closed with it."""

    inner: Model

    def __attrs_post_init__(self) -> None:
        self.provider = self.inner.provider
        self.model = self.inner.model
        dialect = getattr(self.inner, "dialect", None)
        if dialect is not None:
            self.dialect = dialect  # for those who ask which wire it speaks

    def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """The model's events."""
        return self.inner.stream(request)

    @property
    def issuer(self) -> str:
        """Whose opaque state the model makes."""
        return self.inner.issuer

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do."""
        return self.inner.capabilities

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model's settings."""
        return self.inner.settings

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the model."""
        return self.inner.info

    @property
    def output_limit(self) -> int | None:
        """The most tokens an answer can have."""
        return self.inner.output_limit

    def with_settings(self, **changes: Any) -> Self:
        """The model with other settings, wrapped in the same way."""
        return attrs.evolve(self, inner=self.inner.with_settings(**changes)) if changes else self

    def plan(self, request: Input | ModelRequest) -> Plan:
        """The model's plan."""
        return self.inner.plan(request)

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """The model's vectors."""
        return await self.inner.embed(inputs, model=model, dimensions=dimensions)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """As the model counts."""
        return await self.inner.count_tokens(request)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models of its provider."""
        return await self.inner.list_models()

    async def aclose(self) -> None:
        """Close the model."""
        await self.inner.aclose()
