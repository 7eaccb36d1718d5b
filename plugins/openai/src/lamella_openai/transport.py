"""Sends payloads through OpenAI's SDK and gives back bytes.

The SDK's client keeps the headers, the timeout and the connection pool; its retries are off. Model calls
go through the HTTP client that it was given, with the headers that it makes: that is a third cheaper than
its generic ``post``, and no object of the SDK is made of what arrives. The other endpoints go through
``post`` and ``get``. The SDK is imported by the first request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from lamella.errors import AgentParsingError, AgentSerializationError, APIConnectionError
from lamella_openai.errors import sdk_missing, status_failure, translate
from lamella_openai.issuer import without_credentials
from lamella_openai.key import Key, scrub_error

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

__all__ = ["OpenAITransport"]


@attrs.define(kw_only=True, eq=False)
class OpenAITransport:
    """One SDK client per event loop, made when first used there and closed with the loop at the latest.

    A given ``http_client`` stays its owner's: it serves every loop and is not closed here.
    """

    path: str
    key: Key
    base_url: str
    organization: str | None
    project: str | None
    timeout: float | None
    http_client: httpx2.AsyncClient | None = attrs.field(default=None, repr=False)
    _clients: dict[asyncio.AbstractEventLoop, _LoopClient] = attrs.field(factory=dict, init=False, repr=False)

    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a payload; leaving the context closes the response on every path."""
        response = await self._send(_json(payload), "text/event-stream" if streaming else "application/json")
        try:
            if streaming and response.headers.get("content-type", "").startswith("text/html"):
                raise AgentParsingError(
                    f"{self.shown_url}{self.path} answered with a web page; base_url must be that of an API"
                )
            yield response.aiter_bytes()
        finally:
            await response.aclose()

    async def _send(self, body: bytes, accept: str) -> httpx2.Response:
        """The response to a model call, unread; an error status is raised."""
        held = await self._held()
        import httpx2

        request = held.http.build_request(
            "POST",
            held.url + self.path,
            content=body,
            headers={**held.headers, "Accept": accept, **self._authorization()},
            timeout=self.timeout,
        )
        try:
            response = await held.http.send(request, stream=True)
        except httpx2.TimeoutException:
            raise
        except httpx2.HTTPError as error:
            raise APIConnectionError(f"cannot reach {self.shown_url}: {error}", cause=error) from error
        if not response.is_success:
            await self._refuse(response)
        return response

    async def _refuse(self, response: httpx2.Response) -> NoReturn:
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        error = status_failure(response.status_code, response.headers, body)
        scrub_error(error, self.key)
        raise error

    def _authorization(self) -> dict[str, str]:
        key = self.key.reveal()
        return {"Authorization": f"Bearer {key}"} if key else {}

    async def post(self, path: str, payload: Mapping[str, Any]) -> bytes:
        """Send a payload to another endpoint and read the whole answer."""
        return await self._read(self._post(path, _json(payload), "application/json"))

    async def get(self, path: str) -> bytes:
        """Read another endpoint."""
        return await self._read(self._get(path))

    async def _read(self, sending: Any) -> bytes:
        try:
            response = await sending
            try:
                return bytes(await response.aread())
            finally:
                await response.aclose()
        except Exception as error:
            raise self.error(error) from error

    async def _post(self, path: str, body: bytes, accept: str) -> httpx2.Response:
        client = (await self._held()).client
        from httpx2 import Response
        from openai import AsyncStream

        response: Any = await client.post(
            path,
            content=body,
            cast_to=Response,
            options={"headers": self._headers(accept)},
            stream=True,
            stream_cls=AsyncStream[object],
        )
        return response  # type: ignore[no-any-return]  # ``cast_to`` says what comes; the SDK's hints know streams only

    async def _get(self, path: str) -> httpx2.Response:
        client = (await self._held()).client
        from httpx2 import Response

        return await client.get(
            path, cast_to=Response, options={"headers": self._headers("application/json")}
        )

    def _headers(self, accept: str) -> dict[str, Any]:
        from openai import Omit

        key = self.key.reveal()
        authorization = f"Bearer {key}" if key else Omit()
        return {"Content-Type": "application/json", "Accept": accept, "Authorization": authorization}

    async def _held(self) -> _LoopClient:
        loop = asyncio.get_running_loop()
        held = self._clients.get(loop)
        if held is None:
            client, http = self._make_client()
            held = self._clients[loop] = _LoopClient(
                client=client,
                http=http,
                url=str(client.base_url).rstrip("/"),
                headers={
                    name: value for name, value in client.default_headers.items() if isinstance(value, str)
                },
                life=self._open_until_closed(loop, client),
            )
            await anext(held.life)
        return held

    async def _open_until_closed(
        self, loop: asyncio.AbstractEventLoop, client: AsyncOpenAI
    ) -> AsyncGenerator[None, None]:
        """Closes the client when it is closed itself: by ``aclose``, or by the loop that ends (``asyncio.run``)."""
        try:
            yield
        finally:
            self._clients.pop(loop, None)
            if self.http_client is None:
                await client.close()

    def _make_client(self) -> tuple[AsyncOpenAI, httpx2.AsyncClient]:
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
        except ImportError as error:
            raise sdk_missing(error) from error
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
        return client, http

    @property
    def shown_url(self) -> str:
        """The base URL as it may be shown."""
        return without_credentials(self.base_url).rstrip("/")

    def error(self, error: Exception) -> Exception:
        """The ``LamellaError`` for an exception of the SDK or of the HTTP library, without the key."""
        scrub_error(error, self.key)
        translated = translate(error, base_url=self.shown_url)
        scrub_error(translated, self.key)
        return translated

    async def aclose(self) -> None:
        """Close the clients; those of other loops are closed there. The next request makes a new one."""
        here = asyncio.get_running_loop()
        for loop, held in list(self._clients.items()):
            if loop is here:
                await held.life.aclose()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(held.life.aclose(), loop)


@attrs.frozen
class _LoopClient:
    """A client, what requests need of it, and the generator that closes it."""

    client: AsyncOpenAI
    http: httpx2.AsyncClient
    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    life: AsyncGenerator[None, None]


def _json(payload: Mapping[str, Any]) -> bytes:
    """The payload as JSON; a lone surrogate, which UTF-8 cannot hold, is escaped."""
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:
            return json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentSerializationError(
            f"the request cannot be written as JSON: {error}", cause=error
        ) from error
