"""The one place that speaks HTTP: requests with credentials, answers within limits, failures typed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs
import httpx2

from lamella.errors import AgentToolExecutionError, ToolTimeoutError
from lamella_openapi.answers import Answer, cut, result_of
from lamella_openapi.limits import MAX_ERROR_CHARS
from lamella_openapi.problems import bad_setting
from lamella_openapi.redaction import LogFilter, Redaction, secret_headers
from lamella_openapi.tokens import ClientCredentials

if TYPE_CHECKING:
    from lamella_openapi.operations import Operation
    from lamella_openapi.request import Prepared
    from lamella_openapi.security import Credential

__all__ = ["Transport"]

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 5
_PASSING: Final = (408, 425, 429)
"""Below 500, the statuses that a later try may not meet."""

_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "QUERY", "TRACE"})
"""Methods that may be asked twice when nobody knows whether the first was heard."""

_CONNECT_SECONDS: Final = 10.0
_USER_AGENT: Final = "lamella-openapi"


@attrs.define(kw_only=True)
class Transport:
    """A client, and what holds for every call. A client that was given is left open."""

    given: httpx2.AsyncClient | None
    headers: dict[str, str] = attrs.field(repr=False)
    base_url: str = ""
    max_bytes: int
    max_chars: int
    allow_redirects: bool
    credentials: Sequence[Credential] = ()
    _client: httpx2.AsyncClient | None = attrs.field(init=False, default=None)
    _filter: LogFilter | None = attrs.field(init=False, default=None)

    def open(self) -> None:
        """Make the client. Cookies of servers are not kept."""
        self._client = self.given or httpx2.AsyncClient(
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS), follow_redirects=False
        )
        self._filter = LogFilter(self.redaction)
        logging.getLogger("httpx2").addFilter(self._filter)

    async def close(self) -> None:
        """Close the client, if it is ours."""
        client, self._client = self._client, None
        if self._filter is not None:
            logging.getLogger("httpx2").removeFilter(self._filter)
        if client is not None and self.given is None:
            await client.aclose()

    @property
    def redaction(self) -> Redaction:
        """Takes the secrets of this service out of texts."""
        return Redaction(
            lambda: [
                *secret_headers(self.headers),
                *(part for text in secret_headers(self.headers) for part in text.split()[1:]),
                *(text for item in self.credentials for text in item.secrets),
            ]
        )

    # -- the document -------------------------------------------------------------------------------

    async def fetch(self, url: str, most: int) -> bytes:
        """The bytes of a document, without credentials.

        :raises ConfigError: it is not there, too large, or not reached.
        """
        shown = url.partition("?")[0]
        try:
            request = self._live.build_request(
                "GET", url, headers={"Accept": "application/json, application/yaml, */*"}
            )
            answer = await self._live.send(request, stream=True, follow_redirects=False, auth=httpx2.Auth())
            try:
                if answer.status_code != 200:
                    more = (
                        f" and leads to {answer.headers.get('location', '')!r:.200}"
                        if answer.is_redirect
                        else ""
                    )
                    raise bad_setting(
                        f"the document {shown} was not there: the server answered {answer.status_code}{more}"
                    )
                return await _read(answer, most)
            finally:
                await answer.aclose()
        except _TooLong as error:
            raise bad_setting(
                f"the document {shown} has more than {most} bytes; raise max_document_bytes"
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise bad_setting(f"the document {shown} cannot be fetched: {why}", error) from error

    # -- calls --------------------------------------------------------------------------------------

    async def call(self, operation: Operation, prepared: Prepared, credentials: Sequence[Credential]) -> Any:
        """Send a request and give what the model gets.

        :raises AgentToolExecutionError: a status of 400 and more, a redirect, too many bytes, or no connection.
        """
        try:
            answer = await self._exchange(operation, prepared, credentials)
            if answer.status == 401 and any(
                isinstance(item.value, ClientCredentials) for item in credentials
            ):
                for item in credentials:
                    if isinstance(item.value, ClientCredentials):
                        item.value.forget(await item.value.token(self._live))
                answer = await self._exchange(operation, prepared, credentials)
        except _TooLong as error:
            raise self._failed(
                operation, f"answered with more than {self.max_bytes} bytes; ask for less", retryable=False
            ) from error
        except httpx2.TimeoutException as error:
            early = isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            raise ToolTimeoutError(
                f"{operation.label} timed out ({type(error).__name__})",
                context={"operation": operation.label},
                retryable=early or operation.method in _REPEATABLE,
            ) from None  # its request holds the credentials
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            early = isinstance(error, httpx2.ConnectError)
            network = isinstance(error, httpx2.TransportError | OSError)
            why = self.redaction(str(error)) or type(error).__name__
            raise self._failed(
                operation,
                f"could not be sent to {self.base_url}: {why}" if early else f"failed: {why}",
                retryable=early or (network and operation.method in _REPEATABLE),
            ) from None
        return result_of(self._checked(operation, answer), self.max_chars, self.redaction)

    async def _exchange(
        self, operation: Operation, prepared: Prepared, credentials: Sequence[Credential]
    ) -> Answer:
        request = await self._request(prepared, credentials)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._live.send(request, stream=True, follow_redirects=False)
            try:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    request = self._next(operation, request, response)
                    continue
                return await self._answer(response)
            finally:
                await response.aclose()
        raise self._failed(operation, f"redirects more than {_MOST_REDIRECTS} times", retryable=False)

    async def _answer(self, response: httpx2.Response) -> Answer:
        return Answer(
            status=response.status_code,
            reason=response.reason_phrase,
            content_type=response.headers.get("content-type", ""),
            disposition=response.headers.get("content-disposition", ""),
            data=await _read(response, self.max_bytes),
        )

    def _next(
        self, operation: Operation, request: httpx2.Request, response: httpx2.Response
    ) -> httpx2.Request:
        """The request that a redirect asks for, to the same origin only."""
        try:
            target = request.url.join(response.headers["location"])
        except httpx2.InvalidURL:
            raise self._failed(operation, "redirects to what is no URL", retryable=False) from None
        shown = self.redaction(str(target.copy_with(query=None, fragment=None, userinfo=b"")))
        here, there = (_origin(url) for url in (request.url, target))
        if not self.allow_redirects or here != there:
            why = "which is another server" if here != there else "which allow_redirects = true would allow"
            raise self._failed(
                operation,
                f"answered {response.status_code}, a redirect to {shown}, {why}; not followed",
                retryable=False,
            )
        method = request.method
        if response.status_code == 303 or (response.status_code in (301, 302) and method == "POST"):
            method = "GET" if method != "HEAD" else method
        headers = httpx2.Headers(request.headers)
        if method != request.method:
            for name in ("content-length", "content-type", "transfer-encoding"):
                headers.pop(name, None)
            return self._live.build_request(method, target, headers=headers)
        return self._live.build_request(method, target, headers=headers, content=request.content)

    async def _request(self, prepared: Prepared, credentials: Sequence[Credential]) -> httpx2.Request:
        headers = {
            "Accept": "application/json, */*;q=0.8",
            "Accept-Encoding": "identity",
            "User-Agent": _USER_AGENT,
        }
        given = httpx2.Headers(headers)
        given.update(list(prepared.headers))
        given.update(self.headers)
        query, cookies = [], list(prepared.cookies)
        for item in credentials:
            value = item.before + (
                item.value if isinstance(item.value, str) else await item.value.token(self._live)
            )
            if item.location == "header":
                given[item.name] = value
            elif item.location == "query":
                query.append((quote(item.name, safe=""), quote(value, safe="")))
            else:
                cookies.append((quote(item.name, safe=""), quote(value, safe="")))
        if cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies)
        url = httpx2.URL(prepared.target(self.base_url, tuple(query)))
        return self._built(prepared, url, given)

    def _built(self, prepared: Prepared, url: httpx2.URL, headers: httpx2.Headers) -> httpx2.Request:
        content = prepared.content
        fields: dict[str, Any] = {}
        if content is not None and content.parts:
            fields["files"] = [
                (name, (filename, data) if media is None else (filename, data, media))
                for name, (filename, data, media) in content.parts
            ]
        elif content is not None and content.data is not None:
            fields["content"] = content.data
            headers["Content-Type"] = content.media or "application/octet-stream"
        client = self._live
        # Not the client's own cookies: they may be another user's.
        jar, client.cookies = client.cookies, httpx2.Cookies()
        try:
            return client.build_request(prepared.method, url, headers=headers, **fields)
        finally:
            client.cookies = jar

    @property
    def _live(self) -> httpx2.AsyncClient:
        if self._client is None:
            raise AgentToolExecutionError(
                "the tool source openapi is closed; its tools work only during a run"
            )
        return self._client

    # -- failures -----------------------------------------------------------------------------------

    def _checked(self, operation: Operation, answer: Answer) -> Answer:
        if answer.status < 400:
            return answer
        said = cut(self.redaction(answer.text.strip()), MAX_ERROR_CHARS)
        raise self._failed(
            operation,
            f"answered {answer.status} {answer.reason}".rstrip() + (f": {said}" if said else ""),
            retryable=answer.status >= 500 or answer.status in _PASSING,
            status=answer.status,
        )

    def _failed(
        self, operation: Operation, what: str, *, retryable: bool, **facts: Any
    ) -> AgentToolExecutionError:
        return AgentToolExecutionError(
            f"{operation.label} {what}", context={"operation": operation.label, **facts}, retryable=retryable
        )


class _TooLong(Exception):
    """More bytes than are taken."""


async def _read(response: httpx2.Response, most: int) -> bytes:
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _TooLong
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > most:
            raise _TooLong
        chunks.append(chunk)
    return b"".join(chunks)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)
