"""``ChatAnthropic``: how fields, encoder, decoder and transport are put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from lamella.models import Capabilities, EncodeReport, Input, ModelRequest, TokenCount
from lamella.providers import ProviderModel, Wire, text
from lamella.specs import ModelInfo
from lamella_anthropic import encode, endpoints
from lamella_anthropic.catalog import CAPABILITIES, DEFAULT_MODEL, window_of
from lamella_anthropic.decode import MessagesDecoder
from lamella_anthropic.settings import AnthropicSettings, check_together
from lamella_anthropic.transport import AnthropicTransport

__all__ = ["ChatAnthropic"]


@attrs.define(slots=False, eq=False, repr=False)
class ChatAnthropic(AnthropicSettings, ProviderModel):
    """Anthropic models behind the Messages API.

    The fields are those of :class:`~lamella_anthropic.settings.AnthropicSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, a value it cannot have, or values that exclude each other.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "anthropic"
    dialect: ClassVar[str] = encode.DIALECT
    vendor: ClassVar[str] = encode.VENDOR
    vendor_hosts: ClassVar[tuple[str, ...]] = ("anthropic.com",)
    default_base_url: ClassVar[str] = "https://api.anthropic.com"
    key_variables: ClassVar[tuple[str, ...]] = ("ANTHROPIC_API_KEY",)
    url_variables: ClassVar[tuple[str, ...]] = ("ANTHROPIC_BASE_URL",)

    model: str = attrs.field(default=DEFAULT_MODEL, validator=text)

    def __attrs_post_init__(self) -> None:
        check_together(self)
        super().__attrs_post_init__()

    @property
    def capabilities(self) -> Capabilities:
        """What this model can do."""
        return attrs.evolve(CAPABILITIES, context_window=window_of(self.model))

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode.encode_messages(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> MessagesDecoder:
        """A decoder for one response."""
        return MessagesDecoder(self.issuer, self._key.hide)

    def make_transport(self) -> AnthropicTransport:
        """The transport; it imports the SDK with the first request."""
        return AnthropicTransport(
            **self.transport_fields(), version=self.anthropic_version, betas=tuple(self.betas or ())
        )

    async def list_models(self) -> Sequence[ModelInfo]:
        """The models the server offers now."""
        return await endpoints.list_models(self.transport)

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """How many input tokens a request is, as the server counts them."""
        payload = self.encode(ModelRequest.of(request))
        return await endpoints.count_tokens(self.transport, payload)
