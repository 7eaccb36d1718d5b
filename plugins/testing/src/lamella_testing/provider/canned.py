"""Plays bytes to a model without a network, and makes sure that there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs

from lamella.errors import APIConnectionError, LamellaError
from lamella.models import Model, WireModel
from lamella_testing.guards import no_network, refuse_network

__all__ = ["CannedTransport", "pieces_of", "played", "unsent"]


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


@contextmanager
def unsent(model: Model) -> Iterator[None]:
    """Raise :class:`NetworkUsed` where the model asks for its transport or a connection."""
    with no_network():
        if isinstance(model, WireModel):
            with _transport_of(type(model), property(refuse_network)):
                yield
        else:
            yield
