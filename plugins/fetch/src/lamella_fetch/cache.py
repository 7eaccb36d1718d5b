"""What was fetched for a model, kept up to a number of bytes, the least recently used thrown out first."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from weakref import WeakKeyDictionary, WeakValueDictionary

from lamella_fetch.fetcher import Fetched, Fetcher

__all__ = ["FetchCache"]


class FetchCache:
    """Fetches each URL once, as long as there is room. One may serve many tasks, loops and threads.

    :param fetcher: what fetches; what another one is allowed to reach is not found here.
    :param most: how many bytes are kept.
    """

    def __init__(self, fetcher: Fetcher, most: int) -> None:
        self.fetcher = fetcher
        self._most = most
        self._kept: OrderedDict[str, Fetched] = OrderedDict()
        self._size = 0
        self._guard = threading.Lock()
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, asyncio.Lock]] = (
            WeakKeyDictionary()
        )

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return self._size

    def get(self, url: str) -> Fetched | None:
        """What is kept of a URL."""
        with self._guard:
            if url in self._kept:
                self._kept.move_to_end(url)
            return self._kept.get(url)

    async def fetch(self, url: str) -> Fetched:
        """What is behind a URL; of several tasks that ask at the same time, the first fetches it.

        :raises ContentFetchError: it may not or could not be fetched. Failures are not kept.
        """
        async with self._turn(url):
            found = self.get(url)
            if found is None:
                found = await self.fetcher.fetch(url)
                self._keep(url, found)
            return found

    def _turn(self, url: str) -> asyncio.Lock:
        with self._guard:
            turns = self._turns.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
            return turns.setdefault(url, asyncio.Lock())

    def _keep(self, url: str, fetched: Fetched) -> None:
        size = len(fetched.data)
        if size > self._most:
            return
        with self._guard:
            before = self._kept.pop(url, None)
            self._size += size - (0 if before is None else len(before.data))
            self._kept[url] = fetched
            while self._size > self._most:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped.data)
