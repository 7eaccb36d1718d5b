"""What a large file costs in memory on its way to the wire: ``python weigh.py DIALECT URL WAY[,WAY…] FILE…``.

Run as a process of its own, it prints a line of JSON for each file and way: ``complete``, ``agent`` (``Agent.run``) and ``stored``
(``Agent.run`` with a JSON lines sink). ``traced`` is the peak of what Python allocated between opening the file and the
end of the answer, ``resident`` the peak by which the process grew; both as multiples of the file's size, of which one is
the file itself. The server discards what it reads.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socketserver
import sys
import tempfile
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

__all__ = ["MAKE", "WAYS", "DrainServer", "Growth", "big_pdf", "big_png", "draining"]

WAYS = ("complete", "agent", "stored")


# -- the files ------------------------------------------------------------------------------------


def big_png(size: int) -> bytes:
    """A PNG of so many bytes, whole but for its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(data, zlib.crc32(kind)).to_bytes(4)

    head = (64).to_bytes(4) + (64).to_bytes(4) + bytes((8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", bytes(size - 57)) + chunk(b"IEND", b"")
    )


def big_pdf(size: int) -> bytes:
    """A PDF of so many bytes; most of them are a comment."""
    from papers import CATALOG, PAGES, page, raw_pdf

    made = raw_pdf({1: CATALOG, 2: PAGES, 3: page()})
    return raw_pdf({1: CATALOG, 2: PAGES, 3: page()}, b"%" + b"x" * (size - len(made) - 2) + b"\n")


MAKE = {".png": big_png, ".pdf": big_pdf}
"""The makers, by the extension of the file."""


# -- the server, in the process that asks ---------------------------------------------------------


class _Drain(socketserver.StreamRequestHandler):
    server: DrainServer

    def handle(self) -> None:
        while line := self.rfile.readline():
            path, length = line.split()[1].decode(), 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            self.server.bodies.append(length)
            while length:
                length -= len(self.rfile.read(min(length, 1 << 16)))
            dialect = path.split("/")[1]
            body, kind = self.server.answers[dialect]
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n" % kind.encode())
            self.wfile.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)


class DrainServer(socketserver.ThreadingTCPServer):
    """Reads requests to ``/{dialect}/…``, keeps the length of their bodies alone, and answers in their stream's form."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        from swap.histories import SOURCES

        super().__init__(("127.0.0.1", 0), _Drain)
        self.bodies: list[int] = []
        self.answers = {
            made.name: (
                made.stream(made.turns[1]),
                "application/x-ndjson" if made.name == "ollama" else "text/event-stream",
            )
            for made in SOURCES
        }

    def url_of(self, dialect: str) -> str:
        """The base URL of a dialect's model."""
        return f"http://127.0.0.1:{self.server_address[1]}/{dialect}"


@contextmanager
def draining() -> Iterator[DrainServer]:
    """The server, in a thread."""
    with DrainServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


# -- the client, in a process of its own ----------------------------------------------------------


@attrs.frozen
class Weighed:
    """Peaks, as multiples of the file's size."""

    file: str
    way: str
    traced: float
    resident: float | None


def _resident(field: str) -> int | None:
    """``VmRSS`` or ``VmHWM`` of this process in bytes, ``None`` where there is no ``/proc``."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


class Growth:
    """By how much the process grows from now on."""

    def __init__(self) -> None:
        self._before = _resident("VmRSS")
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        except OSError:
            self._before = None

    def copies(self, size: int) -> float | None:
        """The peak, as a multiple of ``size``; ``None`` where the system does not say."""
        peak = _resident("VmHWM")
        return None if self._before is None or peak is None else (peak - self._before) / size


async def _send(way: str, dialect: str, path: Path, url: str, runs: str) -> None:
    """From the file to the end of the answer."""
    from swap.targets import target

    from lamella import Agent
    from lamella.messages import Message
    from lamella_document import DocumentContent
    from lamella_image import ImageContent
    from lamella_jsonl import JSONLStore

    cls = ImageContent if path.suffix == ".png" else DocumentContent
    async with target(dialect).make(url) as model:
        message = Message.user(["What is it?", cls.from_file(path)])
        if way == "complete":
            await model.complete([message])
        else:
            sinks = [JSONLStore(runs)] if way == "stored" else []
            await Agent(model, sinks=sinks).arun([message])


def _weigh(way: str, dialect: str, path: Path, url: str) -> Weighed:
    gc.collect()
    size = path.stat().st_size
    with tempfile.TemporaryDirectory() as runs:
        tracemalloc.start()
        grown, traced = Growth(), tracemalloc.get_traced_memory()[0]
        asyncio.run(_send(way, dialect, path, url, runs))
        resident, peak = grown.copies(size), tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Weighed(path.name, way, (peak - traced) / size, resident)


def _warm(way: str, dialect: str, path: Path, url: str) -> None:
    """Send a small file: what is imported and made once is no cost of a large one."""
    with tempfile.TemporaryDirectory() as runs:
        small = Path(runs) / path.name
        small.write_bytes(MAKE[path.suffix](1000))
        asyncio.run(_send(way, dialect, small, url, runs))


def main(arguments: list[str]) -> None:
    """Weigh each file and way, one after the other."""
    dialect, url, ways, *files = arguments
    *_, last = each = ways.split(",")  # the last one has most in it
    for file in map(Path, files):
        _warm(last, dialect, file, url)
        for way in each:
            print(json.dumps(attrs.asdict(_weigh(way, dialect, file, url))), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(sys.argv[1:])
