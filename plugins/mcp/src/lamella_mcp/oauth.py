"""OAuth as the SDK offers it, for a program that has credentials of its own."""

from __future__ import annotations

from typing import Any

from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

__all__ = ["MemoryTokens", "client_credentials"]


class MemoryTokens:
    """The SDK's ``TokenStorage``, for as long as the process lives."""

    def __init__(self) -> None:
        self._tokens: Any = None
        self._client: Any = None

    async def get_tokens(self) -> Any:
        """The tokens, if any."""
        return self._tokens

    async def set_tokens(self, tokens: Any) -> None:
        """Keep the tokens."""
        self._tokens = tokens

    async def get_client_info(self) -> Any:
        """The registration, if any."""
        return self._client

    async def set_client_info(self, client_info: Any) -> None:
        """Keep the registration."""
        self._client = client_info


def client_credentials(
    url: str, *, client_id: str, client_secret: str, issuer: str, scope: str | None
) -> ClientCredentialsOAuthProvider:
    """The ``auth`` of the client credentials grant. The secret is only ever sent to ``issuer``."""
    return ClientCredentialsOAuthProvider(
        server_url=url,
        storage=MemoryTokens(),
        client_id=client_id,
        client_secret=client_secret,
        issuer=issuer,
        scope=scope,
    )
