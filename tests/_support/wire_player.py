"""Plays the bytes of a wire through a model, without a network."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from lamella.errors import LamellaError
from lamella.events import Event
from lamella.models import Completion, ModelRequest, WireModel, fold_response


@attrs.frozen
class Played:
    """What came of a body: the events, and either what they fold to or the error."""

    events: list[Event]
    completion: Completion | None
    error: LamellaError | None


@attrs.define
class CannedTransport:
    """Answers each request with the same bytes, in pieces of random size where ``sizes`` is given."""

    body: bytes
    sizes: random.Random | None = None
    payloads: list[Mapping[str, Any]] = attrs.field(factory=list)

    @asynccontextmanager
    async def open(
        self, payload: Mapping[str, Any], *, streaming: bool, options: Any = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.payloads.append(payload)
        yield self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        rest = self.body
        while rest:
            size = len(rest) if self.sizes is None else self.sizes.randint(1, 400)
            yield rest[:size]
            rest = rest[size:]

    def error(self, error: Exception) -> Exception:
        return error

    async def aclose(self) -> None:
        return None


async def play(
    model: WireModel,
    body: bytes,
    *,
    streaming: bool = True,
    sizes: random.Random | None = None,
    request: ModelRequest | None = None,
) -> Played:
    """Ask ``model`` and answer with ``body``."""
    model._transport = CannedTransport(body, sizes)  # type: ignore[attr-defined]
    asked = ModelRequest.of(request or "hi", streaming=streaming)
    events: list[Event] = []
    try:
        async for event in model.stream(asked):
            events.append(event)
    except LamellaError as error:
        return Played(events, None, error)
    return Played(events, fold_response(events), None)
