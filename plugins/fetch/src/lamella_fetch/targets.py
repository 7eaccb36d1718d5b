"""What a URL asks for, read once by one parser and checked before anything is resolved."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, Self

import attrs
import httpx2

from lamella.errors import ContentFetchError
from lamella_fetch.addresses import Address

__all__ = ["Target", "shown_url"]

_PORTS: Final = {"http": 80, "https": 443}
_NUMERIC: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
"""A last label like this makes a host an IPv4 address to some resolvers (``127.1``, ``0x7f000001``)."""

_NAME: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)
_SHOWN: Final = 200  # characters


def shown_url(url: str | httpx2.URL) -> str:
    """A URL as it may be shown and stored: no user, no password, no query, no fragment.

    What stands in a query is often a signature that opens the door to who has it; that there was one is
    shown as ``?…``.
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError):
        return "a URL that cannot be read"
    path, _, query = parsed.raw_path.decode("ascii").partition("?")
    text = f"{parsed.scheme}://{parsed.netloc.decode('ascii')}{path}"
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"{text}?…" if query else text


@attrs.frozen(kw_only=True)
class Target:
    """A checked URL. ``host`` has no brackets and no trailing dot, ``address`` is it when it is one."""

    url: httpx2.URL = attrs.field(repr=False)
    host: str
    port: int
    address: Address | None

    @classmethod
    def read(cls, url: str | httpx2.URL, schemes: Sequence[str]) -> Self:
        """The target of a URL.

        :raises ContentFetchError: it is malformed, of another scheme, has credentials, or names its host
            in a way that resolvers disagree on.
        """
        try:
            parsed = httpx2.URL(url)
        except (httpx2.InvalidURL, TypeError):
            # Not chained: the parser's message has parts of the URL.
            raise refused("a URL that cannot be read was given: it is malformed") from None
        shown = shown_url(parsed)
        if parsed.scheme not in schemes:
            allowed = " and ".join(schemes)
            raise refused(f"{shown} is not fetched: only {allowed} URLs are", url=shown)
        if parsed.userinfo:
            raise refused(
                f"{shown} is not fetched: the URL has a user or password in it; fetch it yourself and give "
                "the bytes with from_bytes",
                url=shown,
            )
        if parsed.port is not None and not 0 < parsed.port < 65536:
            raise refused(f"{shown} is not fetched: there is no port {parsed.port}", url=shown)
        host, address = _host(parsed, shown)
        bare = parsed.copy_with(host=host, fragment=None)
        return cls(url=bare, host=host, port=parsed.port or _PORTS[parsed.scheme], address=address)

    @property
    def shown(self) -> str:
        """The URL for messages."""
        return shown_url(self.url)

    @property
    def place(self) -> str:
        """``host:port``, as ``allow_hosts`` names it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _host(url: httpx2.URL, shown: str) -> tuple[str, Address | None]:
    """The host in the one spelling that is used from here on, and the address that it is, if it is one."""
    host = url.raw_host.decode("ascii").lower().removesuffix(".")
    if "%" in host and ":" in host:
        raise refused(f"{shown} is not fetched: its host has an IPv6 zone", url=shown)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        return str(address), address
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        raise refused(
            f"{shown} is not fetched: its host is a number that is no plain IP address; write 192.0.2.1 or a name",
            url=shown,
        )
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise refused(f"{shown} is not fetched: its host is no host name", url=shown)
    return host, None


def refused(message: str, **context: object) -> ContentFetchError:
    """The error of what is not fetched, now or later."""
    return ContentFetchError(message, context=context, retryable=False)
