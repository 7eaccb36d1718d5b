"""``ChatGeminiInteractions``: Gemini models behind the Interactions API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import attrs

from lamella.models import Capabilities, EncodeReport, ModelRequest
from lamella.providers import Connection, Wire
from lamella_gemini import encode_interactions
from lamella_gemini.base import GeminiModel
from lamella_gemini.catalog import INTERACTIONS_CAPABILITIES
from lamella_gemini.decode_interactions import InteractionsDecoder
from lamella_gemini.media_interactions import make_media
from lamella_gemini.settings import InteractionsSettings
from lamella_gemini.transport import GeminiTransport

__all__ = ["ChatGeminiInteractions", "InteractionsTransport"]

_REVISION: Final[Mapping[str, str]] = {"Api-Revision": "2026-05-20"}
"""The schema with ``steps``, which is what is written and read here; pinned, because the default moves."""


@attrs.define(kw_only=True, eq=False)
class InteractionsTransport(GeminiTransport):
    """Sends to ``interactions``; that it streams is said in the payload."""

    def connect(self) -> Connection:
        """The connection, with the revision of the API beside the SDK's headers."""
        connection = super().connect()
        return attrs.evolve(connection, headers={**_REVISION, **connection.headers})

    def path(self, *, streaming: bool) -> str:
        """The endpoint."""
        return self.versioned("interactions")


@attrs.define(slots=False, eq=False, repr=False)
class ChatGeminiInteractions(InteractionsSettings, GeminiModel):
    """Gemini models behind the Interactions API.

    The fields are those of :class:`~lamella_gemini.settings.InteractionsSettings`, and

    :param model: the model's name.
    :param http_client: your own ``httpx2.AsyncClient``; it stays yours to close.
    :raises AgentInputError: an unknown field, or a value it cannot have.
    :raises AuthenticationError: no key is given or found.
    """

    provider = "gemini-interactions"
    dialect: ClassVar[str] = encode_interactions.DIALECT

    @property
    def capabilities(self) -> Capabilities:
        """What these models can do."""
        return INTERACTIONS_CAPABILITIES

    def encode(self, request: ModelRequest, report: EncodeReport | None = None) -> dict[str, Wire]:
        """The payload of a request. Pure."""
        return encode_interactions.encode_interactions(
            request,
            report or self.report(request),
            model=self.model,
            issuer=self.issuer,
            settings=self,
            schema=self._schema,
        )

    def decoder(self) -> InteractionsDecoder:
        """A decoder for one interaction."""
        return InteractionsDecoder(self.issuer, make_media, self._key.hide)

    def make_transport(self) -> InteractionsTransport:
        """The transport; it imports the SDK with the first request."""
        return InteractionsTransport(**self.transport_fields())
