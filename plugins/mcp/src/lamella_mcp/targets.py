"""What a connection leads to: a process, an address, or a server object in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import attrs
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer, Server

from lamella_mcp.process import Command, ServerProcess
from lamella_mcp.tolerance import TolerantStream

__all__ = ["Address", "HTTPTarget", "InProcessTarget", "ProcessTarget", "Target"]


class Target(Protocol):
    """One attempt to reach a server; each connection makes a new one.

    ``ended`` is set when the server is gone, ``leads_to`` says what it is in errors.
    """

    ended: asyncio.Event
    leads_to: str

    def server(self) -> Any:
        """What the SDK's ``Client`` takes."""

    def kill(self) -> None:
        """End it without waiting, as far as it is ours."""


class ProcessTarget:
    """A command, over its standard streams."""

    def __init__(self, command: Command, name: str, max_message_bytes: int) -> None:
        self.process = ServerProcess(command, name, max_message_bytes)
        self.ended = self.process.ended
        self.leads_to = f"the command {command.command!r}"

    def server(self) -> Any:
        """The SDK's transport."""
        return self.process.streams()

    def kill(self) -> None:
        """Kill the process group."""
        self.process.kill()


@attrs.frozen(kw_only=True)
class Address:
    """Where a server runs, and what is sent with each request."""

    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    auth: httpx2.Auth | None = attrs.field(default=None, repr=False)
    connect_timeout: float = 30.0

    @property
    def shown(self) -> str:
        """The URL without what may be secret: user, query and fragment."""
        return str(httpx2.URL(self.url).copy_with(userinfo=b"", query=None, fragment=None))


class HTTPTarget:
    """A server that speaks streamable HTTP.

    ``status`` and ``content_type`` are those of its last answer that was no success; ``None`` while all went well.
    The SDK keeps them to itself.
    """

    def __init__(self, address: Address, max_message_bytes: int) -> None:
        self._address = address
        self._max = max_message_bytes
        self.ended = asyncio.Event()
        self.leads_to = address.shown
        self.status: int | None = None
        self.content_type: str | None = None
        self.fault: str | None = None

    def server(self) -> Any:
        """The SDK's transport."""
        return self._streams()

    def kill(self) -> None:
        """Nothing here is ours to kill."""

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[tuple[Any, Any]]:
        async with (
            httpx2.AsyncClient(
                headers=dict(self._address.headers),
                auth=self._address.auth,
                timeout=httpx2.Timeout(None, connect=self._address.connect_timeout),
                event_hooks={"response": [self._note]},
            ) as client,
            streamable_http_client(self._address.url, http_client=client, max_sse_event_size=self._max) as (
                incoming,
                outgoing,
            ),
        ):
            yield TolerantStream(incoming), outgoing

    async def _note(self, response: httpx2.Response) -> None:
        if (
            response.request.method != "POST"
            or response.request.url.path != httpx2.URL(self._address.url).path
        ):
            return  # of the authorization, or the optional stream of notifications
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        spoken = kind in ("application/json", "text/event-stream", "")
        if response.status_code < 400 and spoken:
            self.status = self.content_type = self.fault = None
            length = response.headers.get("content-length", "")
            if length.isdigit() and int(length) > self._max:
                self.fault = f"it sent a message of {int(length):,} bytes, more than {self._max:,}"
                # An error here would end the session; an error status ends only the call, its body unread.
                response.status_code = self.status = 413
            return
        self.status, self.content_type = response.status_code, kind or None


class InProcessTarget:
    """A server object of the SDK in this process, or a function that makes one."""

    def __init__(self, server: Any | Callable[[], Any]) -> None:
        self._server = server
        self.ended = asyncio.Event()
        self.leads_to = "the server object"

    def server(self) -> Any:
        """The server; a fresh one from a function."""
        if isinstance(self._server, Server | MCPServer) or not callable(self._server):
            return self._server
        return self._server()

    def kill(self) -> None:
        """It ends with its connection."""
