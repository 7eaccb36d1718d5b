"""Plays bytes to a model without a network, and makes sure that there is none."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

import attrs

from lamella.errors import APIConnectionError, LamellaError
from lamella.models import Model, WireModel

__all__ = ["CannedTransport", "NetworkUsed", "pieces_of", "no_network", "played", "unsent"]


class NetworkUsed(BaseException):
    """Something was about to be sent where nothing may be. No ``Exception``: nothing on the way may take it for one."""


@attrs.define
class CannedTransport:
    """Answers requests with pieces of bytes, in order; the last answer is repeated.

    ``payloads`` are what it was sent; ``opened`` and ``closed`` count the responses.
    """

    answers: list[Sequence[bytes]]
    payloads: list[Mapping[str, Any]] = attrs.field(factory=list)
    opened: int = 0
    closed: int = 0

    @asynccontextmanager
    async def open(self, payload: Mapping[str, Any], **how: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        """Answer."""
        self.payloads.append(payload)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.opened += 1
        try:
            yield _given(answer)
        finally:
            self.closed += 1

    def error(self, error: Exception) -> Exception:
        """Nothing of HTTP can go wrong here."""
        if isinstance(error, LamellaError):
            return error
        return APIConnectionError(f"{type(error).__name__}: {error}", cause=error)

    async def aclose(self) -> None:
        """There is nothing to close."""


async def _given(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def pieces_of(body: bytes, size: int) -> list[bytes]:
    """The body in pieces of ``size`` bytes."""
    return [body[start : start + size] for start in range(0, len(body), size)]


@contextmanager
def played(model: WireModel, *answers: Sequence[bytes]) -> Iterator[CannedTransport]:
    """Answer the model's requests with these bytes, inside the ``with`` block.

    The transport is a property of the class, so the class is patched for so long.
    """
    transport = CannedTransport(list(answers))
    with _transport_of(type(model), property(lambda _: transport)):
        yield transport


@contextmanager
def _transport_of(kind: type[Model], replacement: property) -> Iterator[None]:
    own = "transport" in vars(kind)
    before = vars(kind).get("transport")
    kind.transport = replacement  # type: ignore[attr-defined]  # WireModel has it
    try:
        yield
    finally:
        if own:
            kind.transport = before  # type: ignore[attr-defined]  # as above
        else:
            del kind.transport  # type: ignore[attr-defined]  # as above


def _refuse(*_: object, **__: object) -> NoReturn:
    raise NetworkUsed


@contextmanager
def no_network() -> Iterator[None]:
    """Raise :class:`NetworkUsed` where a socket is connected or a name looked up."""
    names = ("connect", "connect_ex", "sendto")
    before = {name: vars(socket.socket).get(name) for name in names}
    look_up = socket.getaddrinfo
    try:
        for name in names:
            setattr(socket.socket, name, _refuse)
        socket.getaddrinfo = _refuse
        yield
    finally:
        socket.getaddrinfo = look_up
        for name, own in before.items():
            if own is None:
                delattr(socket.socket, name)
            else:
                setattr(socket.socket, name, own)


@contextmanager
def unsent(model: Model) -> Iterator[None]:
    """Raise :class:`NetworkUsed` where the model asks for its transport or a connection."""
    with no_network():
        if isinstance(model, WireModel):
            with _transport_of(type(model), property(_refuse)):
                yield
        else:
            yield
