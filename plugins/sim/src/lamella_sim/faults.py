"""Faults the server injects. Each request takes the first fault that is not used up.

``times`` says how many requests a fault spoils, ``None`` means all. So
``[StatusFault(429, times=2), ResetFault(3)]`` refuses two requests, cuts the third, and serves the rest.
A chunk is one event of a stream; an unstreamed reply counts as two halves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from lamella.errors import AgentInputError
from lamella_sim.steps import Error
from lamella_sim.wires.wire import Pause, Piece, Wire

__all__ = [
    "RESET",
    "Action",
    "ErrorEventFault",
    "Fault",
    "KeepOpenFault",
    "MalformedFault",
    "ResetFault",
    "SlowFault",
    "StatusFault",
    "TruncateFault",
]


@attrs.frozen
class Reset:
    """Break the connection (TCP RST)."""


RESET = Reset()

Action: TypeAlias = Piece | Reset
"""What the server does next: send bytes, be silent, or break the connection."""


def _count(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 0:
        raise AgentInputError(f"{type(instance).__name__}: {attribute.name!r} must be a count, got {value!r}")


@attrs.frozen
class Fault:
    """Base of the faults. ``path`` limits one to requests whose path ends with it."""

    times: int | None = attrs.field(default=1, kw_only=True)
    path: str = attrs.field(default="", kw_only=True)

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        """The pieces of a reply with the fault in them."""
        yield from pieces


@attrs.frozen
class StatusFault(Fault):
    """An error status instead of a reply, with ``headers``; the wire's own error body unless ``body`` is given."""

    status: int = 500
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: Mapping[str, Any] | str | None = None
    message: str = "injected fault"
    code: str | None = None

    def content(self, wire: Wire) -> tuple[bytes, str]:
        """The body and its content type."""
        if isinstance(self.body, str):
            return self.body.encode(), "text/html" if self.body.lstrip().startswith("<") else "text/plain"
        body = wire.error_body(Error(max(self.status, 400), self.message, code=self.code))
        return json.dumps(dict(body if self.body is None else self.body)).encode(), "application/json"


@attrs.frozen
class ResetFault(Fault):
    """The connection breaks after so many chunks; 0 is after the response headers."""

    after: int = attrs.field(default=0, validator=_count)

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        yield from _first(pieces, self.after)
        yield RESET


@attrs.frozen
class TruncateFault(Fault):
    """The body ends, cleanly and too early, after so many bytes or chunks."""

    after: int = attrs.field(default=0, validator=_count)
    unit: Literal["bytes", "chunks"] = "bytes"

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        if self.unit == "chunks":
            yield from _first(pieces, self.after)
            return
        left = self.after
        for piece in pieces:
            if isinstance(piece, bytes):
                piece = piece[:left]
                left -= len(piece)
            if piece:
                yield piece
            if left <= 0:
                return


@attrs.frozen
class MalformedFault(Fault):
    """After so many chunks comes one that is not JSON (the wire's own, or ``data``); the rest follows."""

    after: int = attrs.field(default=1, validator=_count)
    data: bytes | None = None

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        yield from _inserted(
            pieces, self.after, [self.data if self.data is not None else wire.malformed_chunk()]
        )


@attrs.frozen
class SlowFault(Fault):
    """So many ``seconds`` of silence before each chunk, from chunk number ``after`` on."""

    seconds: float = 0.05
    after: int = attrs.field(default=0, validator=_count)

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        sent = 0
        for piece in pieces:
            if isinstance(piece, bytes):
                if sent >= self.after:
                    yield Pause(self.seconds)
                sent += 1
            yield piece


@attrs.frozen
class ErrorEventFault(Fault):
    """The provider reports an error inside the stream after so many chunks, and the stream ends.

    An unstreamed reply becomes the error status.
    """

    after: int = attrs.field(default=1, validator=_count)
    status: int = 500
    message: str = "injected fault"
    code: str | None = None

    def error(self) -> Error:
        """The error that is reported."""
        return Error(self.status, self.message, code=self.code)

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        yield from _first(pieces, self.after)
        yield from wire.error_chunks(self.error())


@attrs.frozen
class KeepOpenFault(Fault):
    """Everything is sent, and the response is never ended: for ``seconds``, or until the client leaves."""

    seconds: float | None = None

    def apply(self, pieces: Iterable[Piece], wire: Wire) -> Iterator[Action]:
        yield from pieces
        yield Pause(self.seconds)


def _first(pieces: Iterable[Piece], count: int) -> Iterator[Piece]:
    """The pieces up to chunk number ``count``."""
    sent = 0
    for piece in pieces:
        if sent >= count:
            return
        sent += isinstance(piece, bytes)
        yield piece


def _inserted(pieces: Iterable[Piece], after: int, extra: Iterable[bytes]) -> Iterator[Piece]:
    sent, done = 0, False
    for piece in pieces:
        if sent >= after and not done:
            done = True
            yield from extra
        sent += isinstance(piece, bytes)
        yield piece
    if not done:
        yield from extra
