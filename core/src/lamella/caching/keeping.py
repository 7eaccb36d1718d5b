"""``Keeping``: a store as the caches use it. It is keyed by tenant, and where it fails the answer is made anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs

from lamella.caching.identity import stand_for
from lamella.caching.recording import Moment, read, written
from lamella.caching.store import CacheStore
from lamella.errors import AgentInputError, AgentSerializationError
from lamella.models.canonical import NoCanonicalForm, hashed

__all__ = ["Keeping", "Tenant", "keeping"]

_log = logging.getLogger(__name__)

Tenant: TypeAlias = str | Callable[[], str | None] | None
"""Whose answers they are: a name, or a function that says it for each call, ``None`` then for nobody's."""


def keeping(store: CacheStore, tenant: Tenant, ttl: float | None, who: str) -> Keeping:
    """A store for one cache.

    :raises AgentInputError: no store, or no tenant.
    """
    if not isinstance(store, CacheStore):
        raise AgentInputError(
            f"{who} needs a store with get and put, such as MemoryCache(), got {type(store).__name__}"
        )
    given: object = tenant
    if given is not None and not callable(given) and (not isinstance(given, str) or not given):
        raise AgentInputError(f"{who}: tenant must be a name or a function that returns one, got {tenant!r}")
    return Keeping(store=store, tenant=tenant, ttl=ttl)


@attrs.frozen(kw_only=True, eq=False)
class Keeping:
    """A store, for a tenant, for a time."""

    store: CacheStore
    tenant: Tenant
    ttl: float | None

    def key(self, kind: str, *parts: Any) -> str | None:
        """The key of what ``parts`` decide; ``None`` where nothing must be kept: nobody's, or it has no form.

        :raises AgentInputError: the tenant function returned something else than a text.
        """
        owner: Any = ("all",)
        if self.tenant is not None:
            name: object = self.tenant() if callable(self.tenant) else self.tenant
            if name is None:
                return None
            if not isinstance(name, str) or not name:
                raise AgentInputError(f"the tenant of a cache must be a text that is not empty, got {name!r}")
            owner = ("tenant", name)
        try:
            return hashed(("lamella", 1, kind, owner, parts), stand_for)
        except (NoCanonicalForm, RecursionError) as error:
            _log.debug("a %s has no canonical form and is not kept: %s", kind, type(error).__name__)
            return None

    async def get(self, key: str) -> tuple[list[Moment], dict[str, Any]] | None:
        """What is kept, ``None`` when there is nothing that can be read."""
        try:
            data = await self.store.get(key)
            return None if data is None else read(data)
        except Exception as error:  # a store may raise anything, and hold anything
            _log.warning("the cache failed, and the answer is made anew: %s: %s", type(error).__name__, error)
            return None

    async def put(self, key: str, moments: Sequence[Moment], **facts: Any) -> None:
        """Keep something; where that fails, it is not kept."""
        try:
            data = written(moments, **facts)
        except AgentSerializationError as error:
            _log.debug("an answer has no stored form and is not kept: %s", error)
            return
        try:
            await self.store.put(key, data, self.ttl)
        except Exception as error:
            _log.warning("the cache failed to keep an answer: %s: %s", type(error).__name__, error)
