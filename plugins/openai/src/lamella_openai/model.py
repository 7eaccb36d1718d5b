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
from lamella.providers import ProviderModel, Wire, check_text_format, environment, made_media, text
from lamella.specs import ModelInfo
from lamella_openai import decode_chat, decode_responses, encode_chat, encode_responses, endpoints
from lamella_openai.catalog import MODELS, RESPONSES_CAPABILITIES, chat_capabilities
from lamella_openai.deviations import Deviations
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
            organization=self.organization or self._account("OPENAI_ORG_ID"),
            project=self.project or self._account("OPENAI_PROJECT_ID"),
        )

    def _account(self, variable: str) -> str | None:
        """A variable that says whom OpenAI bills; it is no other server's business."""
        return environment(variable) if self.issuer == _OpenAIModel.vendor else None

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
    :param http_client: your own ``AsyncClient`` of httpx2; it stays yours to close.
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
        return decode_responses.ResponsesDecoder(self.issuer, made_media, self._key.hide)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """How many input tokens a request is, as the server counts them."""
        payload = self.encode(ModelRequest.of(request))
        return await endpoints.count_tokens(self.transport, payload)


@attrs.define(slots=False, eq=False, repr=False)
class ChatOpenAICompletions(ChatSettings, _OpenAIModel):
    """Models behind Chat Completions: OpenAI's, or those of any compatible server at ``base_url``.

    The fields are those of :class:`~lamella_openai.settings.ChatSettings`, and

    :param model: the model's name.
    :param http_client: your own ``AsyncClient`` of httpx2; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "openai-chat"
    dialect: ClassVar[str] = encode_chat.DIALECT
    call_path: ClassVar[str] = "/chat/completions"
    known_deviations: ClassVar[Deviations] = Deviations()
    """Where the server is known to differ from OpenAI's; the setting ``deviations`` changes it."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._deviates = self.known_deviations.changed(self.deviations)

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return chat_capabilities(self._deviates)

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode_chat.encode_chat(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
            deviations=self._deviates,
        )

    def decoder(self) -> decode_chat.ChatDecoder:
        """A decoder for one completion."""
        return decode_chat.ChatDecoder(self.issuer, made_media, self._key.hide)

    async def embed(
        self, inputs: Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> list[Embedding]:
        """One vector for each text, in order.

        :raises AgentInputError: no text, or something else than texts.
        :raises InvalidRequestError: the server is known to have no embeddings.
        """
        if not self._deviates.embeddings:
            raise self._lacks("embeddings")
        return await super().embed(inputs, model=model, dimensions=dimensions)

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models the server offers now.

        :raises InvalidRequestError: the server is known to have no list.
        """
        if not self._deviates.list_models:
            raise self._lacks("model list")
        return await super().list_models()
