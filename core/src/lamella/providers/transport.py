"""``ProviderTransport``: sends payloads with the HTTP client of a vendor's SDK and gives back bytes.

The SDK's client keeps the headers, the pool and TLS; its retries are off and its models are not used: no
object of the SDK is made of what arrives. The SDK is imported by the first request.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, NoReturn
from urllib.parse import quote, urlencode

import attrs

from lamella._frozen import EMPTY
from lamella.errors import AgentParsingError, APIConnectionError, LamellaError
from lamella.models.body import Body, body_of
from lamella.models.options import RequestOptions
from lamella.providers.clients import Connection, LoopClients
from lamella.providers.failures import http_failure, http_library
from lamella.providers.key import Key, scrub_error
from lamella.providers.urls import without_credentials

__all__ = ["ProviderTransport"]

_NO_OPTIONS = RequestOptions()


@attrs.define(kw_only=True, eq=False)
class ProviderTransport(abc.ABC):
    """Base of the transports. Write ``connect``, ``path`` and ``status_failure``.

    :param headers: sent with every request, over those of the SDK.
    :param query: sent with every request.
    :param timeout: seconds to wait for the next byte, ``None`` for no limit.
    :param http_client: the caller's own client; it serves every loop and is not closed here.
    """

    stream_type: ClassVar[str] = "text/event-stream"
    """The media type of a stream."""

    unreachable: ClassVar[str] = ""
    """What to do when nothing answers at the base URL, for the message."""

    key: Key
    base_url: str
    timeout: float | None
    headers: Mapping[str, str] = attrs.field(default=EMPTY, repr=False)
    query: Mapping[str, str] = attrs.field(default=EMPTY, repr=False)
    http_client: Any = attrs.field(default=None, repr=False)
    _clients: LoopClients = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda self: LoopClients(self._connected), takes_self=True),
    )
    _parsed: tuple[str, Any] = attrs.field(init=False, repr=False, default=("", None))

    @abc.abstractmethod
    def connect(self) -> Connection:
        """Make the SDK's client; once in each event loop. Import the SDK here.

        :raises PluginError: it cannot be imported.
        """

    def _connected(self) -> Connection:
        """A connection of our own has the SDK's headers in its client: they are merged once, not every time."""
        connection = self.connect()
        if self.http_client is not None:
            return connection
        connection.http.headers.update(connection.headers)
        return attrs.evolve(connection, headers=EMPTY)

    @abc.abstractmethod
    def path(self, *, streaming: bool) -> str:
        """Where a model call is posted, behind the connection's URL; a query may be part of it."""

    @abc.abstractmethod
    def status_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> LamellaError:
        """The error for a response with an error status, from its body."""

    def authorization(self) -> Mapping[str, str]:
        """The headers that carry the key; none where the key is empty."""
        key = self.key.reveal()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def timeout_of(self, options: RequestOptions) -> Any:
        """The timeout of a request: seconds, ``None``, or a ``Timeout`` of the HTTP library."""
        return self.timeout if options.timeout is None else options.timeout

    @property
    def shown_url(self) -> str:
        """The base URL as it may be shown."""
        return without_credentials(self.base_url).rstrip("/")

    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: RequestOptions = _NO_OPTIONS
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a model call; leaving the context closes the response on every path."""
        path = self.path(streaming=streaming)
        accept = self.stream_type if streaming else "application/json"
        response = await self._send("POST", path, body_of(payload), accept, options)
        try:
            if streaming and response.headers.get("content-type", "").startswith("text/html"):
                raise AgentParsingError(
                    f"{self.shown_url}{path} answered with a web page; base_url must be that of an API"
                )
            yield response.aiter_bytes()
        finally:
            await response.aclose()

    async def request(
        self,
        method: str,
        path: str,
        payload: Mapping[str, Any] | None = None,
        *,
        options: RequestOptions = _NO_OPTIONS,
    ) -> bytes:
        """Ask another endpoint and read the whole answer.

        :raises LamellaError: whatever goes wrong.
        """
        body = None if payload is None else body_of(payload)
        try:
            response = await self._send(method, path, body, "application/json", options)
            try:
                return bytes(await response.aread())
            finally:
                await response.aclose()
        except Exception as error:
            failure = self.error(error)
            if failure is error:
                raise
            raise failure from error

    async def _send(
        self, method: str, path: str, body: bytes | Body | None, accept: str, options: RequestOptions
    ) -> Any:
        """The response, unread; an error status is raised."""
        connection = await self._clients.get()
        url = connection.url + with_query(path, {**self.query, **options.query})
        last, parsed = self._parsed
        request = connection.http.build_request(
            method,
            parsed if url == last else url,
            content=body,
            headers=self._headers(connection, accept, options, body),
            timeout=self.timeout_of(options),
        )
        if self.http_client is None:
            self._parsed = url, request.url  # most requests go where the last one went
        try:
            response = await connection.http.send(request, stream=True)
        except Exception as error:
            http = http_library(error)
            if http is None or isinstance(error, http.TimeoutException):
                raise
            advice = f"; {self.unreachable}" if self.unreachable else ""
            raise APIConnectionError(
                f"cannot reach {self.shown_url}: {error}{advice}", cause=error
            ) from error
        if not response.is_success:
            await self._refuse(response)
        return response

    def _headers(
        self, connection: Connection, accept: str, options: RequestOptions, body: bytes | Body | None
    ) -> dict[str, str]:
        """The headers of a request, later ones over earlier ones whatever their case."""
        own = {"Accept": accept}
        if body is not None:
            own["Content-Type"] = "application/json"
        if isinstance(body, Body):
            own["Content-Length"] = str(body.length)  # some vendors take no chunked requests
        layers = (
            connection.headers,
            own,
            self.authorization(),
            self.headers,
            options.headers,
        )
        merged = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
        return dict(merged.values())

    async def _refuse(self, response: Any) -> NoReturn:
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        error = self.status_failure(response.status_code, response.headers, body)
        scrub_error(error, self.key)
        raise error

    def error(self, error: Exception) -> Exception:
        """The ``LamellaError`` for an exception of the HTTP library, without the key."""
        scrub_error(error, self.key)
        if isinstance(error, LamellaError):
            return error
        failure = http_failure(error, self.shown_url)
        scrub_error(failure, self.key)
        return failure

    async def aclose(self) -> None:
        """Close the clients; those of other loops are closed there. The next request makes a new one."""
        await self._clients.aclose()


def with_query(path: str, query: Mapping[str, str]) -> str:
    """The path with parameters added to those it has."""
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query, quote_via=quote)}"
