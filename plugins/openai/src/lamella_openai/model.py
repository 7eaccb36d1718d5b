"""The model classes: how fields, encoder, decoder and transport are put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from lamella.models import (
    Capabilities,
    Embedding,
    EncodeReport,
    Input,
    ModelRequest,
    OutputSchema,
    TokenCount,
)
from lamella.providers import ProviderModel, Wire, check_text_format, environment, text
from lamella.specs import ModelInfo
from lamella_openai import decode_chat, decode_responses, encode_chat, encode_responses, endpoints
from lamella_openai.catalog import CHAT_CAPABILITIES, MODELS, RESPONSES_CAPABILITIES
from lamella_openai.images import make_image
from lamella_openai.settings import ChatSettings, OpenAISettings, ResponsesSettings
from lamella_openai.transport import OpenAITransport

__all__ = ["ChatOpenAI", "ChatOpenAICompletions"]


@attrs.define(slots=False, eq=False, repr=False)
class _OpenAIModel(OpenAISettings, ProviderModel):
    """What both classes share."""

    vendor: ClassVar[str] = "openai"
    vendor_hosts: ClassVar[tuple[str, ...]] = ("openai.com", "azure.com")
    default_base_url: ClassVar[str] = "https://api.openai.com/v1"
    key_variables: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)
    url_variables: ClassVar[tuple[str, ...]] = ("OPENAI_BASE_URL",)
    known_models: ClassVar[tuple[ModelInfo, ...]] = MODELS
    call_path: ClassVar[str]

    model: str = attrs.field(default="gpt-5-nano", validator=text)

    def resolve_schema(self) -> OutputSchema | None:
        """The schema of ``response_format``, which goes with ``text_format="json_schema"``."""
        check_text_format(self.text_format, self.response_format, type(self).__name__)
        return super().resolve_schema()

    def make_transport(self) -> OpenAITransport:
        """The transport; it imports the SDK with the first request."""
        return OpenAITransport(
            **self.transport_fields(),
            call_path=self.call_path,
            organization=self.organization or environment("OPENAI_ORG_ID"),
            project=self.project or environment("OPENAI_PROJECT_ID"),
        )

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each text, in order; ``text-embedding-3-small`` unless ``model`` says otherwise.

        :raises AgentInputError: no text, or something else than texts.
        """
        return await endpoints.embed(self.transport, inputs, model=model, dimensions=dimensions)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models the server offers now."""
        return await endpoints.list_models(self.transport)


@attrs.define(slots=False, eq=False, repr=False)
class ChatOpenAI(ResponsesSettings, _OpenAIModel):
    """OpenAI models behind the Responses API.

    The fields are those of :class:`~lamella_openai.settings.ResponsesSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "openai"
    dialect: ClassVar[str] = encode_responses.DIALECT
    call_path: ClassVar[str] = "/responses"

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return RESPONSES_CAPABILITIES

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode_responses.encode_responses(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> decode_responses.ResponsesDecoder:
        """A decoder for one response."""
        return decode_responses.ResponsesDecoder(self.issuer, make_image, self._key.hide)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """How many input tokens a request is, as the server counts them."""
        payload = self.encode(ModelRequest.of(request))
        return await endpoints.count_tokens(self.transport, payload)


@attrs.define(slots=False, eq=False, repr=False)
class ChatOpenAICompletions(ChatSettings, _OpenAIModel):
    """Models behind Chat Completions: OpenAI's, or those of any compatible server at ``base_url``.

    The fields are those of :class:`~lamella_openai.settings.ChatSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "openai-chat"
    dialect: ClassVar[str] = encode_chat.DIALECT
    call_path: ClassVar[str] = "/chat/completions"

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return CHAT_CAPABILITIES

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode_chat.encode_chat(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> decode_chat.ChatDecoder:
        """A decoder for one completion."""
        return decode_chat.ChatDecoder(self.issuer, self._key.hide)
