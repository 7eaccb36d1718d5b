"""A loopback server that answers one wire from prepared bytes, as fast as a server can."""

from __future__ import annotations

import asyncio
import json
import sys

import wires

_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n"
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


class Server:
    """Streams, or plays ``turns`` tool turns and an answer, by what the request asks for."""

    def __init__(self, name: str, words: int, turns: int) -> None:
        self.wire, self.turns = wires.load(name), turns
        self.stream = self.wire.stream(words)
        self.kind = b"application/x-ndjson" if name == "ollama" else b"text/event-stream"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next(line for line in lines if line.startswith(b"content-length:"))
                request = json.loads(await reader.readexactly(int(length[15:])))
                streamed = request.get("stream") or b"streamgeneratecontent" in lines[0]
                await (self.send_stream(writer) if streamed else self.send_turn(request, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def send_stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(_STREAM % self.kind)
        for piece in self.stream:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def send_turn(self, request: object, writer: asyncio.StreamWriter) -> None:
        body = wires.compact(self.wire.turn(request, self.turns)).encode()
        writer.write(_WHOLE % (len(body), body))
        await writer.drain()


async def main(name: str, words: int, turns: int) -> None:
    server = await asyncio.start_server(Server(name, words, turns).serve, "127.0.0.1", 0, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
