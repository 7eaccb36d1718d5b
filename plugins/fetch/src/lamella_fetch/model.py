"""``FetchingModel``: a model whose media by URL are fetched where its wire takes them as bytes only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import attrs

from lamella.content import MediaContent
from lamella.errors import ContentFetchError, ErrorCode, UnsupportedContentError
from lamella.events import Event, ResponseDone
from lamella.models import (
    Input,
    Model,
    ModelRequest,
    Plan,
    TokenCount,
)
from lamella.models.fallback import FallbackModel
from lamella.models.model import closing
from lamella.models.wrapped import WrappedModel
from lamella_fetch.arrival import with_bytes
from lamella_fetch.cache import FetchCache
from lamella_fetch.fetcher import Fetched, Fetcher
from lamella_fetch.forms import as_bytes, needed_as
from lamella_fetch.outlook import entries_with, placed, rewrites
from lamella_fetch.places import Place, media_of, with_media
from lamella_fetch.settings import CACHE_BYTES, CONCURRENCY, FetchSettings

if TYPE_CHECKING:
    pass

__all__ = ["FetchingModel", "with_fetched_media", "wrapped"]


def with_fetched_media(
    model: Model,
    fetcher: Fetcher | None = None,
    *,
    cache_bytes: int = CACHE_BYTES,
    concurrency: int = CONCURRENCY,
) -> Model:
    """A model that takes media by URL wherever it takes them as bytes: they are fetched before it is asked.

    Media that its wire takes by URL are left to its provider. Of a chain made by ``fallback``, each model is
    wrapped. A model whose wire is not known (it has no ``dialect``) is given back as it is.

    :param fetcher: how to fetch; unless given, with the defaults of :class:`~lamella_fetch.Fetcher`.
    :param cache_bytes: how many fetched bytes are kept, so that a history is not fetched anew with each turn.
    :param concurrency: how many URLs of a request are fetched at the same time.
    :raises AgentInputError: a value that does not fit.
    """
    limits = FetchSettings(cache_bytes=cache_bytes, concurrency=concurrency)
    return _wrap(model, fetcher or Fetcher(), limits) or model


def wrapped(model: Model, settings: FetchSettings) -> Model | None:
    """The same for a project's settings; ``None`` when there is nothing to wrap."""
    return _wrap(model, settings.fetcher(), settings)


def _wrap(model: Model, fetcher: Fetcher, limits: FetchSettings) -> Model | None:
    if isinstance(model, FallbackModel):
        models = [_wrap(each, fetcher, limits) or each for each in model.models]
        if all(new is old for new, old in zip(models, model.models, strict=True)):
            return None
        chain: Model = attrs.evolve(model, models=tuple(models))
        return chain
    dialect = getattr(model, "dialect", None)
    if isinstance(model, FetchingModel) or not isinstance(dialect, str):
        return None
    return FetchingModel(
        inner=model, cache=_cache_of(model, fetcher, limits.cache_bytes), concurrency=limits.concurrency
    )


_caches: Final[WeakKeyDictionary[Model, dict[tuple[Fetcher, int], FetchCache]]] = WeakKeyDictionary()
"""What was fetched for a model is kept with it: it is wrapped anew for each run."""


def _cache_of(model: Model, fetcher: Fetcher, most: int) -> FetchCache:
    try:
        caches = _caches.setdefault(model, {})
    except TypeError:  # a model that cannot be hashed or referred to weakly has a cache for each wrapping
        return FetchCache(fetcher, most)
    return caches.setdefault((fetcher, most), FetchCache(fetcher, most))


@attrs.define(kw_only=True, eq=False, slots=False)
class FetchingModel(WrappedModel):
    """A model and what fetches for it; made by :func:`with_fetched_media`. All else is the model's own.

    Its ``dialect`` is the model's.
    """

    cache: FetchCache = attrs.field(repr=False)
    concurrency: int = attrs.field(default=CONCURRENCY, repr=False)
    dialect: str = attrs.field(default="", init=False, repr=False)

    # -- with what is fetched -----------------------------------------------------------------------

    def stream(self, request: ModelRequest) -> AsyncIterator[Event]:
        """The model's events, once everything is here that it takes as bytes only.

        :raises ContentFetchError: something may not or could not be fetched; the model was not asked.
        """
        wanted = self._wanted(request)
        return self._stream(request, wanted) if wanted else self.inner.stream(request)

    async def _stream(self, request: ModelRequest, wanted: Sequence[Place]) -> AsyncGenerator[Event, None]:
        ready = await self._ready(request, wanted)
        async with closing(self.inner.stream(ready)) as events:
            async for event in events:
                if type(event) is ResponseDone:
                    yield attrs.evolve(event, losses=(*rewrites(wanted), *event.losses))
                else:
                    yield event

    def plan(self, request: Input | ModelRequest) -> Plan:
        """The model's plan. What would be fetched is ``emulated``; nothing is fetched for it."""
        asked = ModelRequest.of(request)
        wanted = self._wanted(asked)
        if not wanted:
            return self.inner.plan(asked)
        outlook = self.inner.plan(_outlined(asked, wanted))
        return attrs.evolve(
            outlook,
            entries=entries_with(outlook.entries, wanted),
            losses=(*rewrites(wanted), *outlook.losses),
            payload_bytes=None,  # known when they are here
        )

    async def count_tokens(self, request: Input | ModelRequest) -> TokenCount:
        """As the model counts; what its provider counts is fetched first."""
        asked = ModelRequest.of(request)
        wanted = self._wanted(asked) if self.capabilities.count_tokens else []
        return await self.inner.count_tokens(await self._ready(asked, wanted) if wanted else asked)

    # -- inside -------------------------------------------------------------------------------------

    def _wanted(self, request: ModelRequest) -> list[Place]:
        judged = (
            attrs.evolve(place, kind=needed_as(place.content, self.dialect)) for place in media_of(request)
        )
        return [place for place in judged if place.kind is not None]

    async def _ready(self, request: ModelRequest, wanted: Sequence[Place]) -> ModelRequest:
        """The request with everything that is wanted in it."""
        first: dict[str, Place] = {}
        for place in wanted:
            first.setdefault(str(place.content.url), place)
        found = {url: self.cache.get(url) for url in first}
        missing = [place for url, place in first.items() if found[url] is None]
        if missing:
            self._refuse_early(request, wanted)
            found |= await self._fetch(missing)
        ids = {id(place.content): place for place in wanted}

        def arrived(content: MediaContent) -> MediaContent:
            place = ids.get(id(content))
            if place is None:
                return content
            came = found[str(content.url)]
            assert came is not None
            try:
                return with_bytes(content, came)
            except ContentFetchError as error:
                raise placed(error, place) from error.cause

        return with_media(request, arrived)

    async def _fetch(self, missing: Sequence[Place]) -> dict[str, Fetched]:
        room = asyncio.Semaphore(self.concurrency)

        async def one(place: Place) -> tuple[str, Fetched]:
            url = str(place.content.url)
            async with room:
                try:
                    return url, await self.cache.fetch(url)
                except ContentFetchError as error:
                    raise placed(error, place) from error.cause

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(place)) for place in missing]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        return dict(task.result() for task in tasks)

    def _refuse_early(self, request: ModelRequest, wanted: Sequence[Place]) -> None:
        """Refuse what the model would refuse however the fetching ends, before there is any network."""
        for problem in self.inner.plan(_outlined(request, wanted, whole=True)).problems:
            if problem.code == ErrorCode.CONTENT_UNSUPPORTED.value:
                raise UnsupportedContentError(
                    problem.message, context={"provider": self.provider, "dialect": self.dialect}
                )


def _outlined(request: ModelRequest, wanted: Sequence[Place], *, whole: bool = False) -> ModelRequest:
    """The request with a byte for what is wanted; ``whole``: for bytes that are here, too, which costs less."""
    kinds = {id(place.content): place.kind for place in wanted}

    def outline(content: MediaContent) -> MediaContent:
        kind = kinds.get(id(content))
        return as_bytes(content, kind) if kind or (whole and content.data is not None) else content

    return with_media(request, outline)
