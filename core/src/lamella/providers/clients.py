"""One client per event loop: made when first used there, closed with the loop at the latest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import attrs

__all__ = ["Connection", "LoopClients"]


@attrs.frozen(kw_only=True)
class Connection:
    """What a transport sends with.

    ``http`` is an ``AsyncClient`` of httpx2 or httpx; ``url`` the base URL without a slash at its end;
    ``headers`` what the vendor's SDK sends with every request, without the key; ``close`` closes the
    client, ``None`` where it is the caller's to close.
    """

    http: Any = attrs.field(repr=False)
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    close: Callable[[], Awaitable[object]] | None = attrs.field(default=None, repr=False)


class LoopClients:
    """The connections of one model: an HTTP client belongs to the loop it was first used in.

    :param connect: makes a connection.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._held: dict[asyncio.AbstractEventLoop, tuple[Connection, AsyncGenerator[None, None]]] = {}

    def __len__(self) -> int:
        """How many loops hold a connection."""
        return len(self._held)

    async def get(self) -> Connection:
        """The connection of the running loop."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            connection = self._connect()
            held = self._held[loop] = connection, self._open_until_closed(loop, connection)
            await anext(held[1])
        return held[0]

    async def _open_until_closed(
        self, loop: asyncio.AbstractEventLoop, connection: Connection
    ) -> AsyncGenerator[None, None]:
        """Closes the connection when it is closed itself: by ``aclose``, or by the loop that ends (``asyncio.run``)."""
        try:
            yield
        finally:
            self._held.pop(loop, None)
            if connection.close is not None:
                await connection.close()

    async def aclose(self) -> None:
        """Close the connections; those of other loops are closed there. The next ``get`` makes a new one."""
        here = asyncio.get_running_loop()
        for loop, (_, life) in list(self._held.items()):
            if loop is here:
                await life.aclose()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(life.aclose(), loop)
