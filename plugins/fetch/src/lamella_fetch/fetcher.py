"""``Fetcher``: gets the bytes behind a URL, within limits, from public addresses only."""

from __future__ import annotations

import functools
import ipaddress
import re
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from lamella.content import MediaContent
from lamella.errors import AgentInputError
from lamella.providers import integer, number, text

if TYPE_CHECKING:
    from lamella_fetch.network import Resolver

__all__ = ["Fetched", "Fetcher"]

Content = TypeVar("Content", bound=MediaContent)

_SCHEMES: Final = ("https", "http")
_PLACE: Final = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", re.ASCII)


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise AgentInputError(f"a list of texts is needed, got the one text {value!r:.80}; put it in a list")
    return tuple(value)


def _schemes(owner: Any, field: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    if not value or not set(value) <= set(_SCHEMES):
        raise AgentInputError(f"Fetcher.schemes may hold https and http, got {value!r:.80}")


def _places(owner: Any, field: attrs.Attribute[Any], value: tuple[Any, ...]) -> None:
    for place in value:
        if not isinstance(place, str) or not _PLACE.fullmatch(place) or _place(place) is None:
            raise AgentInputError(
                f"Fetcher.allow_hosts takes host:port, such as 'media.intranet:8080' or '[::1]:8080', got {place!r:.80}"
            )


def _place(allowed: str) -> str | None:
    """``host:port`` in the one spelling that is compared, ``None`` when it is none."""
    host, _, port = allowed.lower().rpartition(":")
    if not 0 < int(port) < 65536:
        return None
    if not host.startswith("["):
        return f"{host.removesuffix('.')}:{int(port)}"
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1])}]:{int(port)}"
    except ValueError:
        return None


def _counted(data: bytes) -> str:
    return f"<{len(data)} bytes>"


def _shown(url: str) -> str:
    from lamella_fetch.targets import shown_url

    return repr(shown_url(url))


@attrs.frozen(kw_only=True)
class Fetched:
    """What was behind a URL.

    ``mime_type`` is the ``Content-Type`` in lower case without parameters, ``None`` when the server sent none:
    a claim. ``url`` is where the bytes came from, after ``redirects`` redirects, query included.
    """

    data: bytes = attrs.field(repr=_counted)
    mime_type: str | None
    url: str = attrs.field(repr=_shown)
    redirects: int = 0


@attrs.frozen(kw_only=True)
class Fetcher:
    """Fetches media from public addresses. Holds no connection; one may serve many tasks and loops.

    :param max_bytes: the most a body may have; a longer one is refused, by its length if it says so.
    :param timeout: seconds for all of it: names, connections, redirects, headers and body.
    :param max_redirects: how many redirects are followed; each is checked like the first URL.
    :param schemes: ``https``, ``http`` or both. A redirect from https to http is never followed.
    :param allow_hosts: ``host:port`` of hosts that may be reached although their addresses are not public.
    :param user_agent: what the request calls itself.
    :param ssl_context: whom to trust for TLS, such as an intranet's own authority; unless given, what the
        system trusts.
    :param resolver: an async function from host and port to IP addresses; unless given, the system's.
        What it answers is checked all the same.
    :raises AgentInputError: a value that does not fit.
    """

    max_bytes: int = attrs.field(default=20 * 2**20, validator=integer(1))
    timeout: float = attrs.field(default=20.0, validator=number(0.001, 3600))
    max_redirects: int = attrs.field(default=5, validator=integer(0, 20))
    schemes: tuple[str, ...] = attrs.field(default=_SCHEMES, converter=_texts, validator=_schemes)
    allow_hosts: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=_places)
    user_agent: str = attrs.field(default="lamella-fetch/0.1", validator=text)
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    resolver: Resolver | None = attrs.field(default=None, repr=False)

    async def fetch(self, url: str) -> Fetched:
        """The bytes behind a URL.

        :raises ContentFetchError: refused (an address that is not public, too many bytes, a redirect that may
            not be followed), or failed; ``retryable`` says whether another try may do. The message has the
            URL without query.
        """
        from lamella_fetch.transfer import Transfer

        return await Transfer(self, url).run()

    async def fetched(self, content: Content) -> Content:
        """The content with the bytes behind its URL; content that has its bytes is given back as it is.

        The type is what the bytes show, else what the server says, else the declared one.
        ``meta["fetched"]`` says where they came from, without queries.

        :raises ContentFetchError: as :meth:`fetch`, or what came is something else, such as a login page.
        :raises AgentInputError: it is named by a file id, which only its provider can read.
        """
        from lamella_fetch.arrival import with_bytes

        if content.data is not None:
            return content
        if content.url is None:
            raise AgentInputError(
                f"{content.type} content with a file id is not fetched: its bytes are at its provider"
            )
        return with_bytes(content, await self.fetch(content.url))

    def fetch_sync(self, url: str) -> Fetched:
        """:meth:`fetch` for synchronous code; also works where a loop is running."""
        from lamella.sync import run

        return run(self.fetch(url))

    def fetched_sync(self, content: Content) -> Content:
        """:meth:`fetched` for synchronous code."""
        from lamella.sync import run

        return run(self.fetched(content))

    @functools.cached_property
    def places(self) -> frozenset[str]:
        """``allow_hosts`` in the one spelling that they are compared in."""
        return frozenset(filter(None, map(_place, self.allow_hosts)))
