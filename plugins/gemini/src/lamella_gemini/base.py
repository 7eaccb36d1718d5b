"""``GeminiModel``: what the classes of both APIs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from lamella.models import Embedding, EncodeReport, Input, ModelRequest, TokenCount
from lamella.providers import ProviderModel, Wire, text
from lamella.specs import ModelInfo
from lamella_gemini import encode, endpoints
from lamella_gemini.settings import GeminiBaseSettings, GeminiSettings
from lamella_gemini.transport import GeminiTransport

__all__ = ["GeminiModel"]


@attrs.define(slots=False, eq=False, repr=False)
class GeminiModel(GeminiBaseSettings, ProviderModel):
    """Base of the classes of both APIs. Write ``encode``, ``decoder``, ``capabilities`` and ``make_transport``."""

    vendor: ClassVar[str] = "gemini"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("googleapis.com",)
    default_base_url: ClassVar[str] = "https://generativelanguage.googleapis.com"
    key_variables: ClassVar[tuple[str, ...]] = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    url_variables: ClassVar[tuple[str, ...]] = ("GOOGLE_GEMINI_BASE_URL",)

    model: str = attrs.field(default="gemini-3-flash-preview", validator=text)

    def transport_fields(self) -> dict[str, Any]:
        """What every transport takes from the settings."""
        return {**super().transport_fields(), "api_version": self.api_version}

    @property
    def _gemini(self) -> GeminiTransport:
        transport = self.transport
        assert isinstance(transport, GeminiTransport)  # what make_transport makes
        return transport

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each text, in order; ``gemini-embedding-001`` unless ``model`` says otherwise.

        :raises AgentInputError: no text, or something else than texts.
        """
        return await endpoints.embed(self._gemini, inputs, model=model, dimensions=dimensions)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models the server offers now."""
        return await endpoints.list_models(self._gemini)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """How many input tokens a request is, as the server counts them."""
        return await endpoints.count_tokens(self._gemini, self.model, self.counted(ModelRequest.of(request)))

    def counted(self, request: ModelRequest) -> Mapping[str, Wire]:
        """The ``generateContent`` payload whose tokens are counted."""
        return encode.encode_generate(
            request,
            EncodeReport(provider=self.issuer, dialect=encode.DIALECT),
            model=self.model,
            issuer=self.issuer,
            settings=GeminiSettings(),
            schema=self._schema,
        )
