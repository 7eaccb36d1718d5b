"""One fetch: a request for each hop, its answer judged by its head, the body read within the limit."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import httpcore2
import httpx2

from lamella.errors import ContentFetchError, LamellaError
from lamella_fetch.fetcher import Fetched
from lamella_fetch.network import CheckedBackend, system_resolver
from lamella_fetch.targets import Target, refused, shown_url

if TYPE_CHECKING:
    from lamella_fetch.fetcher import Fetcher

__all__ = ["Transfer"]

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_TAKEN: Final = (200, 203)
"""Whole bodies. A 204 has none, a 206 is a part."""

_PASSING: Final = (408, 425, 429)
"""Below 500, the statuses that a later try may not meet."""


class Transfer:
    """The way of one URL to its bytes. Keeps no cookies, sends no credentials, uses no proxy."""

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._first = url
        self._shown = shown_url(url)

    async def run(self) -> Fetched:
        """Fetch, within the time that the whole of it may take."""
        limit = self._fetcher.timeout
        try:
            async with asyncio.timeout(limit):
                return await self._follow()
        except LamellaError:
            raise
        except TimeoutError as error:
            raise self._failed(f"it took longer than {limit:g} s", error, retryable=True) from error
        except httpcore2.TimeoutException as error:
            raise self._failed("the server did not answer in time", error, retryable=True) from error
        except (httpcore2.NetworkError, httpcore2.RemoteProtocolError) as error:
            if isinstance(error.__context__, ssl.SSLError):  # the pool cuts the cause off
                raise self._failed(f"TLS failed: {error}", error, retryable=False) from error
            what = str(error) or "the connection failed"
            raise self._failed(what, error, retryable=True) from error
        except Exception as error:  # whatever else a library may raise
            what = f"{type(error).__name__}: {error}"
            raise self._failed(what, error, retryable=False) from error

    def _failed(self, why: str, error: Exception, *, retryable: bool) -> ContentFetchError:
        return ContentFetchError(
            f"{self._shown} could not be fetched: {why}",
            context={"url": self._shown},
            cause=error,
            retryable=retryable,
        )

    async def _follow(self) -> Fetched:
        target = Target.read(self._first, self._fetcher.schemes)
        seen = [target.url]
        while True:
            async with self._answer(target) as answer:
                location = _header(answer, b"location")
                if answer.status not in _REDIRECTS or location is None:
                    data = await self._body(target, answer)
                    kind = (_header(answer, b"content-type") or "").partition(";")[0].strip().lower()
                    return Fetched(
                        data=data, mime_type=kind or None, url=str(target.url), redirects=len(seen) - 1
                    )
            target = self._next(target, location, seen)
            seen.append(target.url)

    def _next(self, target: Target, location: str, seen: list[httpx2.URL]) -> Target:
        """Where a redirect leads, checked like the first URL."""
        most = self._fetcher.max_redirects
        if len(seen) > most:
            raise self._refused(f"it redirects more than {most} times")
        try:
            joined = target.url.join(location)
        except httpx2.InvalidURL:
            raise self._refused("it redirects to a URL that cannot be read") from None
        if target.url.scheme == "https" and joined.scheme == "http":
            raise self._refused(
                f"it redirects from https to {shown_url(joined)}, where nobody vouches for it"
            )
        found = Target.read(joined, self._fetcher.schemes)
        if found.url in seen:
            raise self._refused(f"it redirects in a circle, to {found.shown}")
        return found

    @asynccontextmanager
    async def _answer(self, target: Target) -> AsyncIterator[httpcore2.Response]:
        """The head of an answer. Each hop has a connection of its own, closed when the hop is over."""
        fetcher = self._fetcher
        backend = CheckedBackend(
            target,
            resolver=fetcher.resolver or system_resolver,
            trusted=target.place in fetcher.places,
            seconds=fetcher.timeout,
        )
        context = fetcher.ssl_context or _system_context()
        async with httpcore2.AsyncConnectionPool(
            ssl_context=context, max_connections=1, retries=0, network_backend=backend
        ) as pool:
            url = target.url
            headers: dict[bytes | str, bytes | str] = {
                "Host": url.netloc,
                "User-Agent": fetcher.user_agent,
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
            }
            asked = httpcore2.URL(
                scheme=url.raw_scheme, host=target.host.encode("ascii"), port=target.port, target=url.raw_path
            )
            async with pool.stream("GET", asked, headers=headers) as answer:
                yield answer

    async def _body(self, target: Target, answer: httpcore2.Response) -> bytes:
        self._check_head(target, answer)
        most = self._fetcher.max_bytes
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.aiter_stream():
            size += len(chunk)
            if size > most:
                raise self._too_long(f"more than {most} bytes")
            chunks.append(chunk)
        if not size:
            raise self._refused("it is empty (0 bytes)")
        return b"".join(chunks)

    def _check_head(self, target: Target, answer: httpcore2.Response) -> None:
        """Refuse by the head what need not be read."""
        status = answer.status
        if status not in _TAKEN:
            raise ContentFetchError(
                f"{self._shown} could not be fetched: {target.host} answered with status {status}",
                context={"url": self._shown, "status": status},
                retryable=status >= 500 or status in _PASSING,
            )
        coding = (_header(answer, b"content-encoding") or "identity").strip().lower()
        if coding != "identity":
            raise self._refused(f"its body is compressed ({coding!r:.40}), though it was asked for as it is")
        length = _header(answer, b"content-length") or ""
        if length.isascii() and length.isdigit() and int(length) > self._fetcher.max_bytes:
            raise self._too_long(f"{int(length)} bytes, more than {self._fetcher.max_bytes}")

    def _too_long(self, what: str) -> ContentFetchError:
        return self._refused(f"it has {what}; raise max_bytes if it is to be sent")

    def _refused(self, why: str) -> ContentFetchError:
        return refused(f"{self._shown} is not fetched: {why}", url=self._shown)


def _header(answer: httpcore2.Response, name: bytes) -> str | None:
    """The first header of that name."""
    found = next((value for key, value in answer.headers if key.lower() == name), None)
    return None if found is None else found.decode("utf-8", "replace")


@functools.cache
def _system_context() -> ssl.SSLContext:
    """Made once: reading the system's certificates takes milliseconds."""
    return httpcore2.default_ssl_context()
