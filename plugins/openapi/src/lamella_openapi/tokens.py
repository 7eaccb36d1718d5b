"""OAuth 2 client credentials: a token for id and secret, kept until it expires."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urljoin, urlsplit

from lamella.errors import AgentToolExecutionError
from lamella_openapi.problems import bad_setting
from lamella_openapi.request import check_base_url

if TYPE_CHECKING:
    import httpx2

__all__ = ["ClientCredentials"]

_EARLY: Final = 30.0
"""Seconds before its end at which a token is no longer used."""

_MOST_BYTES: Final = 100_000


class ClientCredentials:
    """Gets tokens from one URL."""

    def __init__(self, name: str, *, url: str, client_id: str, client_secret: str, scope: str | None) -> None:
        self._name = name
        self._url = url
        self._id = client_id
        self._secret = client_secret
        self._scope = scope
        self._token: str | None = None
        self._until = 0.0
        self._lock: asyncio.Lock | None = None

    def __repr__(self) -> str:
        return f"ClientCredentials({self._name!r})"

    @classmethod
    def made(
        cls,
        name: str,
        *,
        token_url: str | None,
        documented: str | None,
        base_url: str,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
    ) -> ClientCredentials:
        """As configured. The document's token URL is used only where it is of the same origin as the base URL.

        :raises ConfigError: there is no URL that the secret may be sent to.
        """
        if token_url is None:
            found = None if documented is None else urljoin(f"{base_url}/", documented)
            if found is None or _origin(found) != _origin(base_url):
                says = (
                    "names no token URL"
                    if found is None
                    else f"wants the secret sent to {urlsplit(found).netloc}"
                )
                raise bad_setting(f'the document {says}; say where: token_urls = {{ {name} = "https://…" }}')
            token_url = found
        url = check_base_url(token_url, f"token_urls.{name}")
        return cls(name, url=url, client_id=client_id, client_secret=client_secret, scope=scope)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All texts that must be shown nowhere."""
        return tuple(filter(None, (self._secret, self._token, self._basic())))

    def forget(self, token: str) -> None:
        """The server refused a token."""
        if self._token == token:
            self._token = None

    async def token(self, client: httpx2.AsyncClient) -> str:
        """The token, a new one where there is none or it is about to expire.

        :raises AgentToolExecutionError: the server gives none.
        """
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            if self._token is None or time.monotonic() >= self._until:
                self._token, seconds = await self._ask(client)
                self._until = time.monotonic() + max(seconds - _EARLY, 0.0)
            return self._token

    def _basic(self) -> str:
        pair = f"{quote(self._id, safe='')}:{quote(self._secret, safe='')}"
        return base64.b64encode(pair.encode()).decode("ascii")

    async def _ask(self, client: httpx2.AsyncClient) -> tuple[str, float]:
        import httpx2

        fields = {"grant_type": "client_credentials", **({"scope": self._scope} if self._scope else {})}
        headers = {"Authorization": f"Basic {self._basic()}", "Accept": "application/json"}
        try:
            async with asyncio.timeout(30):
                answer = await client.post(
                    self._url, data=fields, headers=headers, follow_redirects=False, auth=httpx2.Auth()
                )
                return _read(answer)
        except (httpx2.HTTPError, TimeoutError, OSError) as error:
            raise self._failed(f"the request failed: {type(error).__name__}", retryable=True) from None
        except ValueError as error:
            raise self._failed(str(error), retryable=False) from None

    def _failed(self, why: str, *, retryable: bool) -> AgentToolExecutionError:
        return AgentToolExecutionError(
            f"no token for the security scheme {self._name!r} from {self._url}: {why}", retryable=retryable
        )


def _read(answer: httpx2.Response) -> tuple[str, float]:
    if answer.status_code != 200:
        raise ValueError(f"the server answered {answer.status_code}")
    if len(answer.content) > _MOST_BYTES:
        raise ValueError("the answer is too long")
    found: Any = answer.json()
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise ValueError("the answer holds no access_token")
    seconds = found.get("expires_in")
    return token, float(seconds) if isinstance(seconds, int | float) else 300.0


def _origin(url: str) -> tuple[str, str | None, int | None]:
    split = urlsplit(url)
    return split.scheme, split.hostname, split.port or {"https": 443, "http": 80}.get(split.scheme)
