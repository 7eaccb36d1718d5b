"""The transports: Google's SDK makes the headers, and our HTTP client sends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import attrs

from lamella.errors import LamellaError
from lamella.providers import Connection, ProviderTransport, sdk_missing
from lamella_gemini.errors import status_failure

__all__ = ["GeminiTransport", "GenerateContentTransport", "model_path"]

_AUTH: Final = "x-goog-api-key"


@attrs.define(kw_only=True, eq=False)
class GeminiTransport(ProviderTransport):
    """What both APIs share; write ``path``. ``versioned`` makes paths.

    :param api_version: such as ``v1beta``.
    """

    api_version: str

    def connect(self) -> Connection:
        """Make the SDK's client, with an ``httpx2.AsyncClient`` of ours: left alone it may take aiohttp."""
        try:
            import httpx2
            from google import genai
            from google.genai.types import HttpOptions, HttpRetryOptions
        except ImportError as error:
            raise sdk_missing(error, "Google", "lamella-gemini") from error
        http = self.http_client or httpx2.AsyncClient(timeout=self.timeout, follow_redirects=True)
        client = genai.Client(
            vertexai=False,
            api_key=self.key.reveal() or "none",
            http_options=HttpOptions(
                base_url=self.base_url,
                api_version=self.api_version,
                timeout=None if self.timeout is None else math.ceil(self.timeout * 1000),
                retry_options=HttpRetryOptions(attempts=1),
                httpx_async_client=http,
            ),
        )
        given = client._api_client._http_options.headers or {}  # the SDK shows them nowhere else
        headers = {name: value for name, value in given.items() if name.lower() != _AUTH}
        client.close()  # the synchronous half
        return Connection(
            http=http,
            url=self.base_url.rstrip("/").removesuffix(f"/{self.api_version}"),
            headers=headers,
            close=http.aclose if self.http_client is None else None,
        )

    def authorization(self) -> Mapping[str, str]:
        """The header with the key; none where the key is empty."""
        key = self.key.reveal()
        return {_AUTH: key} if key else {}

    def versioned(self, path: str) -> str:
        """The path with the API version before it, such as ``/v1beta/models``."""
        return f"/{quote(self.api_version, safe='')}/{path}"

    def status_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
        """The error for a response with an error status."""
        return status_failure(status, headers, body)


@attrs.define(kw_only=True, eq=False)
class GenerateContentTransport(GeminiTransport):
    """Sends to ``generateContent`` of a model."""

    model: str

    def path(self, *, streaming: bool) -> str:
        """The endpoint of the model."""
        method = "streamGenerateContent?alt=sse" if streaming else "generateContent"
        return self.versioned(f"{model_path(self.model)}:{method}")


def model_path(model: str) -> str:
    """The resource of a model, percent-encoded: ``models/…`` unless the name says ``tunedModels/…`` or another."""
    name = model.strip("/")
    return quote(name if "/" in name else f"models/{name}", safe="/")
