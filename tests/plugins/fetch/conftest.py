"""A real server on loopback that says exactly what it is told to, and names that lead to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs
import httpcore2
import pytest
import trustme

from lamella_fetch import Fetcher

Answer: TypeAlias = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(64))


def whole(body: bytes = PNG, kind: str | None = "image/png", status: str = "200 OK", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


class Server:
    """Answers a path with bytes, or by what writes them; anything else is 404."""

    whole = staticmethod(whole)
    redirect = staticmethod(redirect)
    png = PNG

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.heads: list[str] = []
        self.port = 0
        self.gone = asyncio.Event()
        self.most_at_once = 0
        self._now = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/a.png") -> str:
        return f"http://{self.place}{path}"

    @property
    def paths(self) -> list[str]:
        return [head.split(" ")[1] for head in self.heads]

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            path = head.split(" ")[1].partition("?")[0]
            answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            self._now -= 1
            writer.close()


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in asyncio.all_tasks():
            coroutine: Any = task.get_coro()
            if coroutine.__qualname__ == "Server.connected":
                task.cancel()
        await asyncio.sleep(0)


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Server]:
    async with serving() as made:
        yield made


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def secure(anyio_backend: str, authority: trustme.CA) -> AsyncIterator[Server]:
    """A server with a certificate for media.example."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("media.example").configure_cert(context)
    async with serving(context) as made:
        yield made


@pytest.fixture
def fetcher(server: Server) -> Callable[..., Fetcher]:
    """A fetcher that may reach the server."""

    def made(**fields: Any) -> Fetcher:
        return Fetcher(**{"allow_hosts": [server.place], "timeout": 5, **fields})

    return made


@attrs.define
class Internet:
    """Names, the addresses that they have now, and where connections to addresses really go."""

    port: int
    names: dict[str, list[str] | Exception] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    connected: list[str] = attrs.field(factory=list)
    dead: set[str] = attrs.field(factory=set)
    death: Exception = attrs.field(factory=lambda: httpcore2.ConnectError("all connection attempts failed"))

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        found = self.names[host]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def internet(server: Server, monkeypatch: pytest.MonkeyPatch) -> Internet:
    """Connections to public addresses reach the server on loopback, and are written down."""
    net = Internet(port=server.port)
    connect = httpcore2.AnyIOBackend.connect_tcp

    async def connect_tcp(self: Any, host: str, port: int, **options: Any) -> Any:
        net.connected.append(f"{host} {port}")
        if host in net.dead:
            raise net.death
        return await connect(self, "127.0.0.1", net.port, **options)

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", connect_tcp)
    return net
