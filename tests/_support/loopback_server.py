"""A loopback HTTP server that answers as it is told, independent of any client library."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import attrs


@attrs.frozen
class Request:
    """What the server was sent."""

    method: str
    path: str
    headers: dict[str, str]
    text: str
    connection: int

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


@attrs.frozen(kw_only=True)
class Answer:
    """What the server answers: the pieces are flushed one by one; then it ends, drops the connection, or holds it."""

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    pieces: tuple[bytes, ...] = ()
    then: str = "end"

    @classmethod
    def json(cls, body: Any, status: int = 200, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(
            status=status,
            headers={"content-type": "application/json", **named},
            pieces=(json.dumps(body).encode(),),
        )

    @classmethod
    def events(cls, *chunks: dict[str, Any] | str, then: str = "end") -> Answer:
        lines = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
        pieces = tuple(f"data: {line}\n\n".encode() for line in lines)
        return cls(headers={"content-type": "text/event-stream"}, pieces=pieces, then=then)


class LoopbackServer:
    """Answers from a list; the last answer is repeated. Runs in a thread of its own."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.disconnected = threading.Event()
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._port = 0

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return self._connections

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
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
        self._connections += 1
        number = self._connections
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
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        text = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        self.requests.append(Request(method, path, headers, text, number))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.then == "hang":
            await reader.read()
            return False
        given = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        writer.write(f"HTTP/1.1 {answer.status} X\r\n{given}transfer-encoding: chunked\r\n\r\n".encode())
        for piece in answer.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)
        if answer.then == "hold":
            if await reader.read() == b"":
                self.disconnected.set()
            return False
        if answer.then == "drop":
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
