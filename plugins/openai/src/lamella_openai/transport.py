"""The transport: OpenAI's SDK makes the client and its headers."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from lamella.errors import LamellaError
from lamella.providers import Connection, ProviderTransport, sdk_missing
from lamella_openai.errors import status_failure

__all__ = ["OpenAITransport"]


@attrs.define(kw_only=True, eq=False)
class OpenAITransport(ProviderTransport):
    """Sends to ``call_path`` behind the base URL."""

    call_path: str
    organization: str | None
    project: str | None

    def connect(self) -> Connection:
        """Make the SDK's client."""
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
        except ImportError as error:
            raise sdk_missing(error, "OpenAI", "lamella-openai") from error
        http = self.http_client or DefaultAsyncHttpx2Client(timeout=self.timeout)
        client = AsyncOpenAI(
            api_key=self.key.reveal() or "none",
            organization=self.organization,
            project=self.project,
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=0,
            http_client=http,
        )
        given = {name: value for name, value in client.default_headers.items() if isinstance(value, str)}
        given.pop("Authorization", None)
        # The SDK takes these from its environment, whatever server it is for.
        for header, value in (("OpenAI-Organization", self.organization), ("OpenAI-Project", self.project)):
            if value is None:
                given.pop(header, None)
        return Connection(
            http=http,
            url=str(client.base_url).rstrip("/"),
            headers=given,
            close=client.close if self.http_client is None else None,
        )

    def path(self, *, streaming: bool) -> str:
        """The endpoint."""
        return self.call_path

    def status_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
        """The error for a response with an error status."""
        return status_failure(status, headers, body)
