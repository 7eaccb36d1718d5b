"""``ChatMistral``: how fields, encoder, decoder and transport are put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from lamella.models import Capabilities, Embedding, EncodeReport, ModelRequest, OutputSchema
from lamella.providers import ProviderModel, Wire, check_text_format, text
from lamella.specs import ModelInfo
from lamella_mistral import endpoints
from lamella_mistral.catalog import CAPABILITIES, DEFAULT_MODEL, MODELS
from lamella_mistral.decode import Decoder
from lamella_mistral.encode import DIALECT, encode
from lamella_mistral.settings import MistralSettings
from lamella_mistral.transport import MistralTransport

__all__ = ["ChatMistral"]


@attrs.define(slots=False, eq=False, repr=False)
class ChatMistral(MistralSettings, ProviderModel):
    """Mistral models.

    The fields are those of :class:`~lamella_mistral.settings.MistralSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "mistral"
    dialect: ClassVar[str] = DIALECT
    vendor: ClassVar[str] = "mistral"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("mistral.ai",)
    default_base_url: ClassVar[str] = "https://api.mistral.ai"
    key_variables: ClassVar[tuple[str, ...]] = ("MISTRAL_API_KEY",)
    known_models: ClassVar[tuple[ModelInfo, ...]] = MODELS

    model: str = attrs.field(default=DEFAULT_MODEL, validator=text)

    def resolve_schema(self) -> OutputSchema | None:
        """The schema of ``response_format``, which goes with ``text_format="json_schema"``."""
        check_text_format(self.text_format, self.response_format, type(self).__name__)
        return super().resolve_schema()

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return CAPABILITIES

    def make_transport(self) -> MistralTransport:
        """The transport; it imports the SDK with the first request."""
        return MistralTransport(**self.transport_fields())

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> Decoder:
        """A decoder for one completion."""
        return Decoder(self.issuer, self._key.hide)

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each text, in order; ``mistral-embed`` unless ``model`` says otherwise.

        :param dimensions: for models that let one choose, such as ``codestral-embed``.
        :raises AgentInputError: no text, or something else than texts.
        """
        return await endpoints.embed(self.transport, inputs, model=model, dimensions=dimensions)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models the server offers now, one row for each, whatever aliases it has."""
        return await endpoints.list_models(self.transport)
