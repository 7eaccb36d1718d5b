"""Cuts a byte stream into the payloads of its frames: server-sent events, or lines of JSON."""

from __future__ import annotations

from typing import Protocol

from lamella.errors import AgentParsingError

__all__ = ["DONE", "Frames", "NDJSONFrames", "SSEFrames"]

DONE = b"[DONE]"
"""The payload that OpenAI-style streams end with."""

_MAX_FRAME = 64 * 1024 * 1024


class Frames(Protocol):
    """Cuts bytes, in pieces of any size, into payloads."""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads completed by ``data``."""

    def end(self) -> list[bytes]:
        """The payload that the end of the stream completes, if any."""


class SSEFrames:
    """Server-sent events (WHATWG HTML, "Interpreting an event stream"), reduced to their ``data``.

    All vendors put the event's type into the JSON as well, so ``event:``, ``id:`` and ``retry:``
    fields and comments are passed over. Lines end in LF, CR LF or CR; a frame ends at a blank line.
    """

    def __init__(self) -> None:
        self._held = _Held()
        self._data: list[bytes] = []
        self._start = True

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads completed by ``data``."""
        if self._held.empty and not self._start and data.endswith(b"\n\n") and b"\r" not in data:
            return self._lines(data)  # whole frames: what a read usually gives
        if b"\n" not in data and b"\r" not in data:
            self._held.add(data)
            return []
        data = self._held.take() + data
        if self._start:
            data = data.removeprefix(b"\xef\xbb\xbf")
            self._start = False
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if data.endswith(b"\r"):
            cut -= 1  # a CR at the end may be half of a CR LF
        self._held.add(data[cut:])
        return self._lines(data[:cut])

    def end(self) -> list[bytes]:
        """The payload of a last frame whose blank line never came; it may be cut."""
        frames = self._lines(self._held.take() + b"\n\n")
        self._data.clear()
        return frames

    def _lines(self, data: bytes) -> list[bytes]:
        frames: list[bytes] = []
        pending = self._data
        for line in data.splitlines():
            if line.startswith(b"data:"):
                pending.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and pending:
                frames.append(pending[0] if len(pending) == 1 else b"\n".join(pending))
                pending.clear()
        return frames


class NDJSONFrames:
    """One JSON document a line."""

    def __init__(self) -> None:
        self._held = _Held()

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads completed by ``data``."""
        if self._held.empty and data.endswith(b"\n") and data.count(b"\n") == 1:
            return [] if data.isspace() else [data[:-1]]  # a whole line: what a read usually gives
        if b"\n" not in data:
            self._held.add(data)
            return []
        *lines, rest = (self._held.take() + data).split(b"\n")
        self._held.add(rest)
        return [line for line in lines if line.strip()]

    def end(self) -> list[bytes]:
        """The last line, when it has no line end; it may be cut."""
        rest = self._held.take()
        return [rest] if rest.strip() else []


class _Held:
    """The unfinished line: pieces are joined once, when it ends."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def empty(self) -> bool:
        return not self._pieces

    def add(self, data: bytes) -> None:
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _MAX_FRAME:
            raise AgentParsingError(f"a line of the stream exceeds {_MAX_FRAME} bytes")

    def take(self) -> bytes:
        pieces, self._pieces, self._size = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
