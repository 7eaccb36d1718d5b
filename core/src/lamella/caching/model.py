"""``cached``: a model whose answers are kept and given again to the same request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import attrs

from lamella.caching.identity import identity_of_model, identity_of_request
from lamella.caching.keeping import Keeping, Tenant, keeping
from lamella.caching.recording import Moment, Recorder, Replay, at_times, check_replay
from lamella.caching.store import CacheStore
from lamella.events import Event
from lamella.models.model import Model, closing
from lamella.models.request import ModelRequest
from lamella.models.wrapped import WrappedModel

__all__ = ["CachedModel", "cached"]


def cached(
    model: Model,
    store: CacheStore,
    *,
    tenant: Tenant = None,
    ttl: float | None = None,
    replay: Replay = "events",
    identity: str | None = None,
) -> CachedModel:
    """A model that gives an answer again when it is asked the same.

    The key is made of all that decides the answer: the model with its settings and its URL, and the whole request.
    Refusals, answers that were cut, and failures are not kept. The same asked at the same time is asked once. A hit has
    the events that the answer had; its ``response.done`` is ``cached``, with a usage of 0.

    :param store: where answers are kept, such as ``MemoryCache()`` or ``DirectoryCache(path)``.
    :param tenant: whose answers they are; tenants never share. A name, or a function that says it for each call;
        where it says ``None``, nothing is kept.
    :param ttl: seconds for which an answer is given again, ``None`` for as long as the store keeps it.
    :param replay: ``timed`` gives the events of a hit at the pace that they had.
    :param identity: stands for the model in the key in place of its settings: for models whose class hides them,
        which otherwise share answers only with themselves, in this process.
    :raises AgentInputError: a value that does not fit.
    """
    check_replay(replay, ttl, "cached")
    return CachedModel(
        inner=model, keeping=keeping(store, tenant, ttl, "cached"), replay=replay, identity=identity
    )


_END: Final = object()


@attrs.define(kw_only=True, eq=False, slots=False)
class CachedModel(WrappedModel):
    """A model with a cache before it; made by :func:`cached`."""

    keeping: Keeping = attrs.field(repr=False)
    replay: Replay = "events"
    identity: str | None = None
    _flights: dict[tuple[int, str], asyncio.Future[list[Moment] | None]] = attrs.field(
        factory=dict, init=False, repr=False
    )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """The events of the answer that is kept, else the model's."""
        key = self._key(request)
        if key is None:
            async with closing(self.inner.stream(request)) as events:
                async for event in events:
                    yield event
            return
        loop = asyncio.get_running_loop()
        place = (id(loop), key)
        while (flight := self._flights.get(place)) is not None:
            # Shielded: who waits may be cancelled, and the others go on waiting.
            if (moments := await asyncio.shield(flight)) is not None:
                async for _, _, event in at_times(moments, self.replay):
                    yield event
                return
        flight = self._flights[place] = loop.create_future()
        answer = _Answer(self, request, key, flight)
        try:
            found = await self.keeping.get(key)
            if found is not None:
                flight.set_result(found[0])
            else:
                answer.begin()
                while (item := await answer.queue.get()) is not _END:
                    yield item
        finally:
            await answer.end()
            if not flight.done():
                flight.set_result(None)
            self._flights.pop(place, None)
        answer.raise_failure()
        if found is not None:
            async for _, _, event in at_times(found[0], self.replay):
                yield event

    def _key(self, request: ModelRequest) -> str | None:
        model = identity_of_model(self.inner) if self.identity is None else ("named", self.identity)
        return self.keeping.key("response", model, identity_of_request(request))


class _Answer:
    """An answer being made, in a task of its own: who else waits for it does not wait for who reads it."""

    def __init__(
        self, model: CachedModel, request: ModelRequest, key: str, flight: asyncio.Future[list[Moment] | None]
    ) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self._model = model
        self._request = request
        self._key = key
        self._flight = flight
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ask the model."""
        self._task = asyncio.create_task(self._make(), name="lamella cached answer")

    async def _make(self) -> None:
        recorder = Recorder()
        try:
            async with closing(self._model.inner.stream(self._request)) as events:
                async for event in events:
                    recorder.take(event)
                    self.queue.put_nowait(event)
            moments = recorder.whole()
            if moments is not None:
                await self._model.keeping.put(self._key, moments)
                self._flight.set_result(moments)
        finally:
            self.queue.put_nowait(_END)

    async def end(self) -> None:
        """Stop, where nobody reads any more; what the model held open is closed then."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._task is not None and not self._task.cancelled():
            self._task.exception()  # seen, also where nobody is left to be told

    def raise_failure(self) -> None:
        """Raise what the model raised."""
        if self._task is not None:
            self._task.result()
