"""A loopback HTTP server that answers as it is told, independent of any client library."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

__all__ = ["Answer", "LoopbackServer", "Received", "Then"]

Then: TypeAlias = Literal["end", "drop", "reset", "hold", "hang"]
"""What follows the pieces: a proper end, the connection closed without one, a TCP reset, or nothing for ever
(``hold``). ``hang`` does not answer at all."""

_SECONDS: Final = 10.0


@attrs.frozen
class Received:
    """A request that the server was sent. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    text: str
    connection: int

    @property
    def body(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.text)


@attrs.frozen(kw_only=True)
class Answer:
    """What the server answers. The ``pieces`` are flushed one by one."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    pieces: tuple[bytes, ...] = ()
    then: Then = "end"

    @classmethod
    def json(cls, body: Any, status: int = 200, **headers: str) -> Answer:
        """A JSON document; underscores in header names stand for dashes."""
        return cls.whole(json.dumps(body).encode(), status, **headers)

    @classmethod
    def whole(cls, body: bytes, status: int = 200, **headers: str) -> Answer:
        """A body of JSON as it is."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=status, headers={"content-type": "application/json", **named}, pieces=(body,))

    @classmethod
    def stream(cls, *pieces: bytes, media_type: str = "text/event-stream", then: Then = "end") -> Answer:
        """A stream in these pieces."""
        return cls(headers={"content-type": media_type}, pieces=pieces, then=then)

    @classmethod
    def events(cls, *chunks: Mapping[str, Any] | str, then: Then = "end") -> Answer:
        """Server-sent events: objects as JSON, texts as they are."""
        lines = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
        return cls.stream(*(f"data: {line}\n\n".encode() for line in lines), then=then)


class LoopbackServer:
    """Answers from the list ``answers``; the last one is repeated. Runs in a thread of its own.

    ``requests`` is what it was sent, ``disconnected`` is set when a client leaves while it is answered.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Received] = []
        self.connections = 0
        self.disconnected = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lamella-loopback", daemon=True)
        self._port = 0

    @property
    def origin(self) -> str:
        """Scheme, host and port: ``http://127.0.0.1:…``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The origin with ``/v1``."""
        return f"{self.origin}/v1"

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        if not self._started.wait(_SECONDS):
            raise RuntimeError("the loopback server did not start")
        return self

    def __exit__(self, *exc_info: object) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._started.set()
        self._loop.run_forever()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await self._exchange(reader, writer, number):
                continue
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """One request and its answer; whether the connection stays."""
        self.requests.append(await _receive(reader, number))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.then != "hang":
            await _write(writer, answer)
        if answer.then == "end":
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return True
        if answer.then == "reset":
            _reset(writer)
        elif answer.then in ("hold", "hang"):
            await reader.read()  # until the client leaves
            self.disconnected.set()
        return False


async def _receive(reader: asyncio.StreamReader, number: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    named = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in named}
    text = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
    return Received(method, path, headers, text, number)


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    given = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    writer.write(f"HTTP/1.1 {answer.status} X\r\n{given}transfer-encoding: chunked\r\n\r\n".encode())
    for piece in filter(None, answer.pieces):
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset instead of a proper end."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
