"""Connections to checked addresses: the one place where a host becomes a socket.

A host is resolved once for each connection, every address that comes back is checked, and the socket is
opened to one of exactly these addresses: there is no second look-up that could answer differently. TLS
still verifies the host's name, which the HTTP library takes from the URL.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeAlias

import httpcore2

from lamella.errors import ContentFetchError
from lamella_fetch.addresses import Address, why_not_public
from lamella_fetch.targets import Target, refused

__all__ = ["CheckedBackend", "Resolver", "system_resolver"]

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to the host's IP addresses, in the order to try them."""

_TRIED: Final = 4
"""How many of a host's addresses are tried."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the operating system has for a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to one target, by addresses that are public, or to any where the target is ``trusted``.

    :param seconds: how long all tries to connect may take.
    """

    def __init__(self, target: Target, *, resolver: Resolver, trusted: bool, seconds: float) -> None:
        self._target = target
        self._resolver = resolver
        self._trusted = trusted
        self._seconds = seconds
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the base class has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the target. ``host`` and ``port`` are the target's own."""
        addresses = (await self._addresses())[:_TRIED]
        for address in addresses[:-1]:
            try:
                return await self._connect(address, len(addresses))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue  # as the next one is tried, and the last one's error is raised
        return await self._connect(addresses[-1], len(addresses))

    async def _connect(self, address: Address, among: int) -> httpcore2.AsyncNetworkStream:
        return await self._sockets.connect_tcp(str(address), self._target.port, timeout=self._seconds / among)

    async def _addresses(self) -> list[Address]:
        target = self._target
        found = [target.address] if target.address is not None else await self._resolved()
        if not self._trusted:
            for address in found:
                self._check(address)
        return found

    async def _resolved(self) -> list[Address]:
        target = self._target
        try:
            texts = await self._resolver(target.host, target.port)
            found = [ipaddress.ip_address(text) for text in texts]
        except (OSError, ValueError) as error:  # a UnicodeError is a ValueError
            again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise ContentFetchError(
                f"{target.shown} could not be fetched: the host {target.host} was not found: {error}",
                context={"url": target.shown, "host": target.host},
                cause=error,
                retryable=again,
            ) from error
        if not found:
            raise refused(
                f"{target.shown} could not be fetched: the host {target.host} has no address",
                url=target.shown,
                host=target.host,
            )
        return found

    def _check(self, address: Address) -> None:
        why = why_not_public(address)
        if why is None:
            return
        target = self._target
        leads = "is" if target.address is not None else f"leads to {address},"
        raise refused(
            f"{target.shown} is not fetched: {target.host} {leads} {why}; where it is to be reached, allow it: "
            f'allow_hosts=["{target.place}"]',
            url=target.shown,
            host=target.host,
            address=str(address),
        )
