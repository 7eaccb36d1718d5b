"""The protocols of a provider over HTTP: a pure encoder, a pure decoder, a thin transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from lamella._frozen import Wire
from lamella.events import Event
from lamella.models.options import RequestOptions
from lamella.models.report import EncodeReport
from lamella.models.request import ModelRequest

__all__ = ["Decoder", "Encoder", "Transport"]


class Encoder(Protocol):
    """Writes a request in a provider's JSON. Pure: the same request gives the same payload."""

    def encode(self, request: ModelRequest, report: EncodeReport) -> dict[str, Wire]:
        """The payload, all of it. What cannot be written is raised or reported through ``report``."""


class Decoder(Protocol):
    """Reads one response. A small state machine without I/O; a new one for each response.

    It may have a property ``usage``: what was reported so far. Decoders of wires that report usage with every
    chunk have it, so that no event need carry what the next one replaces; a response that breaks off is
    accounted by it, else by the last event with a ``token_usage``.
    """

    @property
    def complete(self) -> bool:
        """Whether the terminal marker came and nothing more will: the rest need not be read."""

    def feed(self, chunk: Wire) -> Iterable[Event]:
        """The events of one parsed chunk of a stream, in order."""

    def finish(self) -> Iterable[Event]:
        """The stream is over: the last events, ``response.done`` at the end.

        :raises StreamInterruptedError: the terminal marker never came.
        """

    def whole(self, body: Wire) -> Iterable[Event]:
        """The events of an unstreamed response: what its stream would have given, without deltas."""


class Transport(Protocol):
    """Sends a payload and gives the bytes of the answer."""

    def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: RequestOptions
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Send; leaving the context closes the connection on every path."""

    def error(self, error: Exception) -> Exception:
        """The ``LamellaError`` for an exception of the SDK or the HTTP library."""

    async def aclose(self) -> None:
        """Close the client."""
