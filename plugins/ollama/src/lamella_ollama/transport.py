"""The transport: Ollama's SDK makes the HTTP client and its headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from lamella.errors import APITimeoutError, LamellaError
from lamella.models import RequestOptions
from lamella.providers import Connection, ProviderTransport, sdk_missing
from lamella_ollama.errors import status_failure

__all__ = ["OllamaTransport"]


@attrs.define(kw_only=True, eq=False)
class OllamaTransport(ProviderTransport):
    """Sends to ``/api/chat`` behind the base URL.

    :param connect_timeout: seconds to wait for a connection, ``None`` for as long as for a byte.
    """

    stream_type: ClassVar[str] = "application/x-ndjson"
    unreachable: ClassVar[str] = "is Ollama running there? start it: ollama serve"

    connect_timeout: float | None

    def connect(self) -> Connection:
        """Make the SDK's client, and take the HTTP client out of it.

        Its own methods lose what agents need: their models drop call ids, indexes of calls and most of a
        tool's schema, and they cut lines inside of JSON texts.
        """
        try:
            from ollama import AsyncClient
        except ImportError as error:
            raise sdk_missing(error, "Ollama", "lamella-ollama") from error
        if self.http_client is not None:  # the SDK takes none
            return Connection(http=self.http_client, url=self.base_url.rstrip("/"))
        http = AsyncClient(host=self.base_url, timeout=self.timeout)._client
        # The SDK reads OLLAMA_API_KEY by itself; which key is sent, if any, is the model's to say.
        http.headers.pop("authorization", None)
        return Connection(http=http, url=self.base_url.rstrip("/"), close=http.aclose)

    def path(self, *, streaming: bool) -> str:
        """The endpoint."""
        return "/api/chat"

    def timeout_of(self, options: RequestOptions) -> Any:
        """Long for the next byte, short for the connection."""
        from httpx import Timeout

        seconds = super().timeout_of(options)
        if self.connect_timeout is None:
            return seconds
        connect = self.connect_timeout if seconds is None else min(seconds, self.connect_timeout)
        return Timeout(seconds, connect=connect)

    def status_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
        """The error for a response with an error status."""
        return status_failure(status, headers, body)

    def error(self, error: Exception) -> Exception:
        """The ``LamellaError`` for an exception of the HTTP library, without the key."""
        from httpx import ConnectTimeout

        if isinstance(error, ConnectTimeout):
            return APITimeoutError(
                f"no connection to {self.shown_url} in time; {self.unreachable}, or raise connect_timeout=…",
                cause=error,
            )
        return super().error(error)
