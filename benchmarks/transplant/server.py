"""A recording loopback server that speaks the vendors' wires, whole and streamed.

Each vendor has a base URL of its own below the server's. Vendor A answers its first request with the
scripted answer, any later one with the closing text; vendor B answers with a sentence.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import conversation as said

Json = dict[str, Any]

BASE_PATHS = {
    "anthropic": "/anthropic",
    "openai-responses": "/openai/v1",
    "openai-chat": "/openai/v1",
    "gemini": "/gemini",
    "mistral": "/mistral",
}


def wire_of(path: str) -> str | None:
    """The wire of a request's path."""
    path = path.partition("?")[0]
    if path.endswith("/messages"):
        return "anthropic"
    if path.endswith("/responses"):
        return "openai-responses"
    if path.endswith("/chat/completions"):
        return "mistral" if path.startswith("/mistral") else "openai-chat"
    return "gemini" if "enerateContent" in path else None


class Recorder:
    """A server whose ``requests`` are the bodies it was sent, as ``(wire, body)``, since ``begin``."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Json]] = []
        self._source = ""
        self._without: frozenset[str] = frozenset()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def begin(self, source: str, without: Iterable[str] = ()) -> None:
        """Forget what was recorded; ``source`` is vendor A, whose answer is ``without`` search or reasoning."""
        self.requests.clear()
        self._source = source
        self._without = frozenset(without)

    def answer(self, wire: str, body: Json) -> Json:
        is_first = wire == self._source and not any(seen == wire for seen, _ in self.requests)
        self.requests.append((wire, body))
        if is_first:
            return said.reduced(_FIRST[wire](), self._without)
        return _LAST[wire]() if wire == self._source else _REPLY[wire]()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


_FIRST = {
    "anthropic": said.anthropic_first,
    "openai-responses": said.responses_first,
    "gemini": said.gemini_first,
}
_LAST = {
    "anthropic": said.anthropic_last,
    "openai-responses": said.responses_last,
    "gemini": said.gemini_last,
}
_REPLY: dict[str, Callable[[], Json]] = {
    "anthropic": said.anthropic_last,
    "openai-responses": lambda: said.responses_last("Tomorrow, too."),
    "gemini": lambda: said.gemini_last("Tomorrow, too."),
    "openai-chat": lambda: said.chat_answer("Tomorrow, too."),
    "mistral": lambda: said.chat_answer("Tomorrow, too."),
}
_STREAMS = {
    "anthropic": said.anthropic_stream,
    "openai-responses": said.responses_stream,
    "gemini": lambda whole: [whole],
    "openai-chat": said.chat_stream,
    "mistral": said.chat_stream,
}


def _events(wire: str, chunks: Iterable[Json]) -> bytes:
    lines = []
    for chunk in chunks:
        name = f"event: {chunk['type']}\n" if "type" in chunk else ""
        lines.append(f"{name}data: {json.dumps(chunk)}\n\n")
    if wire in ("openai-chat", "mistral"):
        lines.append("data: [DONE]\n\n")
    return "".join(lines).encode()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            wire = wire_of(self.path)
            if wire is None:
                self._send(404, "application/json", b'{"error": {"message": "no such path"}}')
                return
            answer = recorder.answer(wire, body)
            if body.get("stream") or "streamGenerateContent" in self.path:
                self._send(200, "text/event-stream", _events(wire, _STREAMS[wire](answer)))
            else:
                self._send(200, "application/json", json.dumps(answer).encode())

        def do_GET(self) -> None:
            self._send(404, "application/json", b'{"error": {"message": "no such path"}}')

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the terminal for the table."""

    return Handler
