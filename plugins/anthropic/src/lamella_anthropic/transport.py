"""The transport: Anthropic's SDK makes the client and its headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from lamella.errors import LamellaError
from lamella.providers import Connection, ProviderTransport, sdk_missing
from lamella_anthropic.errors import status_failure

__all__ = ["AnthropicTransport"]

_PATH: Final = "/v1/messages"


@attrs.define(kw_only=True, eq=False)
class AnthropicTransport(ProviderTransport):
    """Sends to the Messages endpoint.

    :param version: sent as ``anthropic-version``.
    :param betas: sent as ``anthropic-beta``.
    """

    version: str
    betas: Sequence[str]

    def connect(self) -> Connection:
        """Make the SDK's client. The key is given to it, so that it looks for none of its own on disk."""
        try:
            from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
        except ImportError as error:
            raise sdk_missing(error, "Anthropic", "lamella-anthropic") from error
        http = self.http_client or DefaultAsyncHttpxClient(timeout=self.timeout)
        client = AsyncAnthropic(
            api_key=self.key.reveal() or "none",
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=0,
            http_client=http,
            default_headers=self._pinned(),
        )
        given = {name: value for name, value in client.default_headers.items() if isinstance(value, str)}
        return Connection(
            http=http,
            url=str(client.base_url).rstrip("/").removesuffix("/v1"),
            headers={name: value for name, value in given.items() if name.lower() != "authorization"},
            close=client.close if self.http_client is None else None,
        )

    def _pinned(self) -> dict[str, str]:
        betas = {"anthropic-beta": ",".join(self.betas)} if self.betas else {}
        return {"anthropic-version": self.version, **betas}

    def path(self, *, streaming: bool) -> str:
        """The endpoint."""
        return _PATH

    def status_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
        """The error for a response with an error status."""
        return status_failure(status, headers, body)
