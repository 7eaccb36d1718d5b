"""``ChatOllama``: how fields, encoder, decoder and transport are put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from lamella.models import Capabilities, Embedding, EncodeReport, ModelRequest, NDJSONFrames, OutputSchema
from lamella.models.frames import Frames
from lamella.providers import ProviderModel, Wire, check_text_format, text
from lamella.specs import ModelInfo
from lamella_ollama import encode, endpoints
from lamella_ollama.catalog import CAPABILITIES, DEFAULT_MODEL
from lamella_ollama.decode import OllamaDecoder
from lamella_ollama.hosts import DEFAULT_URL, normal_url
from lamella_ollama.settings import OllamaSettings
from lamella_ollama.transport import OllamaTransport

__all__ = ["ChatOllama"]


@attrs.define(slots=False, eq=False, repr=False)
class ChatOllama(OllamaSettings, ProviderModel):
    """Ollama models, local or in its cloud, behind the native chat API.

    The fields are those of :class:`~lamella_ollama.settings.OllamaSettings`, and

    :param model: the model's name, such as ``qwen3:4b``; it must have been pulled.
    :param http_client: your own ``httpx.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    """

    provider = "ollama"
    dialect: ClassVar[str] = encode.DIALECT
    frames: ClassVar[type[Frames]] = NDJSONFrames
    vendor: ClassVar[str] = "ollama"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("ollama.com",)
    default_base_url: ClassVar[str] = DEFAULT_URL
    key_variables: ClassVar[tuple[str, ...]] = ("OLLAMA_API_KEY",)
    url_variables: ClassVar[tuple[str, ...]] = ("OLLAMA_BASE_URL", "OLLAMA_HOST")
    needs_key: ClassVar[bool] = False
    limit_fields: ClassVar[tuple[str, ...]] = ("num_predict",)

    model: str = attrs.field(default=DEFAULT_MODEL, validator=text)

    def _resolved_url(self) -> str:
        return str(normal_url(super()._resolved_url()))

    def resolve_schema(self) -> OutputSchema | None:
        """The schema of ``response_format``, which goes with ``text_format="json_schema"``."""
        check_text_format(self.text_format, self.response_format, type(self).__name__)
        return super().resolve_schema()

    @property
    def info(self) -> ModelInfo | None:
        """What a plugin says of this model; its context window is ``num_ctx`` where that is set."""
        known = super().info
        if self.num_ctx is None:
            return known
        known = known or ModelInfo(formal_name=self.model, display_name=self.model)
        return attrs.evolve(known, context_window=self.num_ctx)

    @property
    def output_limit(self) -> int | None:
        """``num_predict``, where it is a limit: the negative values are none."""
        limit = super().output_limit
        return None if limit is None or limit < 0 else limit

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do; the context window is ``num_ctx`` where it is set."""
        return (
            CAPABILITIES if self.num_ctx is None else attrs.evolve(CAPABILITIES, context_window=self.num_ctx)
        )

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode.encode_ollama(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> OllamaDecoder:
        """A decoder for one answer."""
        return OllamaDecoder(self.issuer, self._key.hide)

    def make_transport(self) -> OllamaTransport:
        """The transport; it imports the SDK with the first request."""
        return OllamaTransport(**self.transport_fields(), connect_timeout=self.connect_timeout)

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each text, in order; ``nomic-embed-text`` unless ``model`` says otherwise.

        :raises AgentInputError: no text, or something else than texts.
        """
        return await endpoints.embed(self.transport, inputs, model=model, dimensions=dimensions)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models that were pulled to the server."""
        return await endpoints.list_models(self.transport)
