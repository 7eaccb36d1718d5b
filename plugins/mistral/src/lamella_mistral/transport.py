"""The transport: Mistral's SDK says which server and which headers; the HTTP client is given to it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from lamella.errors import LamellaError
from lamella.providers import Connection, ProviderTransport, sdk_missing
from lamella_mistral.errors import status_failure

__all__ = ["MistralTransport"]


@attrs.define(kw_only=True, eq=False)
class MistralTransport(ProviderTransport):
    """Sends to Mistral's chat completions, or to a server that has them at the same path."""

    def connect(self) -> Connection:
        """Make the SDK's client. Its retries are off unless asked for, and so they stay."""
        try:
            import httpx2
            from mistralai.client import Mistral
        except ImportError as error:
            raise sdk_missing(error, "Mistral", "lamella-mistral") from error
        http = self.http_client or httpx2.AsyncClient(follow_redirects=True, timeout=self.timeout)
        client = Mistral(
            api_key=self.key.reveal(),
            server_url=self.base_url,
            async_client=http,
            timeout_ms=None if self.timeout is None else int(self.timeout * 1000),
        )
        configuration = client.sdk_configuration
        url, _ = configuration.get_server_details()
        return Connection(
            http=http,
            # Paths begin with the version, and many people know the URL with it.
            url=url.rstrip("/").removesuffix("/v1"),
            headers={"User-Agent": f"mistral-client-python/{configuration.sdk_version}"},
            close=http.aclose if self.http_client is None else None,
        )

    def path(self, *, streaming: bool) -> str:
        """The endpoint."""
        return "/v1/chat/completions"

    def status_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
        """The error for a response with an error status."""
        return status_failure(status, headers, body)
