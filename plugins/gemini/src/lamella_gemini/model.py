"""``ChatGemini``: how fields, encoder, decoder and transport are put together."""

from __future__ import annotations

from typing import ClassVar

import attrs

from lamella.models import Capabilities, EncodeReport, ModelRequest
from lamella.providers import Wire, made_media
from lamella_gemini import decode, encode
from lamella_gemini.base import GeminiModel
from lamella_gemini.catalog import CAPABILITIES
from lamella_gemini.settings import GeminiSettings
from lamella_gemini.transport import GenerateContentTransport

__all__ = ["ChatGemini", "GeminiModel"]


@attrs.define(slots=False, eq=False, repr=False)
class ChatGemini(GeminiSettings, GeminiModel):
    """Gemini models behind ``generateContent``.

    The fields are those of :class:`~lamella_gemini.settings.GeminiSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "gemini"
    dialect: ClassVar[str] = encode.DIALECT

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        encode.thinking_config(self.model, self)  # refuses what does not go together before any request

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return CAPABILITIES

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode.encode_generate(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> decode.GenerateContentDecoder:
        """A decoder for one response."""
        return decode.GenerateContentDecoder(self.issuer, made_media, self._key.hide)

    def make_transport(self) -> GenerateContentTransport:
        """The transport; it imports the SDK with the first request."""
        return GenerateContentTransport(**self.transport_fields(), model=self.model)

    def counted(self, request: ModelRequest) -> dict[str, Wire]:
        """The payload whose tokens are counted: that of the call."""
        return self.encode(request)
