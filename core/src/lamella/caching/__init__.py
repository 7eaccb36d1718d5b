"""Caches, for those who ask for them: of the answers of models, and of whole runs."""

from __future__ import annotations

from lamella.caching.model import CachedModel, cached
from lamella.caching.recording import Replay
from lamella.caching.runs import CachedAgent, cached_run
from lamella.caching.store import CacheStore, DirectoryCache, MemoryCache

__all__ = [
    "CacheStore",
    "CachedAgent",
    "CachedModel",
    "DirectoryCache",
    "MemoryCache",
    "Replay",
    "cached",
    "cached_run",
]
