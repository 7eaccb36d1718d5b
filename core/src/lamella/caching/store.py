"""Where answers are kept: in memory, or in a folder. The values are bytes; who keeps them need not read them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from lamella.errors import AgentInputError

__all__ = ["CacheStore", "DirectoryCache", "MemoryCache"]

_KEY: Final = re.compile(r"[0-9a-f]{64}")
_ENDS: Final = 20  # the characters of the first line: when the time is over, in Unix seconds, 0 for never


@runtime_checkable
class CacheStore(Protocol):
    """Keeps bytes under keys of 64 hexadecimal digits. One that raises is passed over: the model answers."""

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key, ``None`` when there is nothing or its time is over."""

    async def put(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep something for ``ttl`` seconds, ``None`` for as long as there is room."""


class MemoryCache:
    """Keeps answers in memory, the ones used last; safe to share between models, loops and threads.

    :param max_bytes: of all that is kept. What is larger than a quarter of it is not kept.
    :param clock: seconds that only grow.
    :raises AgentInputError: less than one byte.
    """

    def __init__(self, max_bytes: int = 64_000_000, *, clock: Callable[[], float] = time.monotonic) -> None:
        given: object = max_bytes
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise AgentInputError(f"MemoryCache: max_bytes must be an int >= 1, got {max_bytes!r}")
        self.max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float | None, bytes]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """The bytes that are kept, keys included."""
        return self._size

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key, unless its time is over."""
        with self._lock:
            if key not in self._kept:
                return None
            ends, value = self._kept[key]
            if ends is not None and self._clock() >= ends:
                self._forget(key)
                return None
            self._kept.move_to_end(key)
            return value

    async def put(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep something, in the place of what was used least recently."""
        if len(value) + len(key) > self.max_bytes // 4:
            return
        with self._lock:
            if key in self._kept:
                self._forget(key)
            self._kept[key] = (None if ttl is None else self._clock() + ttl, value)
            self._size += len(value) + len(key)
            while self._size > self.max_bytes:
                self._forget(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _forget(self, key: str) -> None:
        _, value = self._kept.pop(key)
        self._size -= len(value) + len(key)


class DirectoryCache:
    """Keeps answers as files in a folder, for as many processes as use it.

    A file is written aside and put into its place in one step, so that nobody reads half of one. Folder and files are
    made for their owner alone: they hold conversations. Nothing is removed but what is asked for when its time is
    over; ``prune`` removes the rest.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"DirectoryCache({str(self.path)!r})"

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key, unless its time is over."""
        return await asyncio.to_thread(self._get, self._place(key))

    async def put(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep something; of several that keep under one key, the last wins."""
        ends = 0.0 if ttl is None else time.time() + ttl
        await asyncio.to_thread(self._put, self._place(key), f"{ends:{_ENDS - 1}.3f}\n".encode() + value)

    def prune(self) -> int:
        """Remove what is over, and what a crash left half written; return how many files that were."""
        removed = 0
        for path in list(self.path.glob("??/*")):
            if path.suffix == ".part":
                over = path.stat().st_mtime < time.time() - 3600
            else:
                over = _over(path.read_bytes()[:_ENDS])
            if over:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def clear(self) -> None:
        """Remove everything that is kept."""
        for path in list(self.path.glob("??/*")):
            path.unlink(missing_ok=True)

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise AgentInputError(f"a key is 64 hexadecimal digits, got {key!r:.80}")
        return self.path / key[:2] / key[2:]

    def _get(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        if _over(data[:_ENDS]):
            path.unlink(missing_ok=True)
            return None
        return data[_ENDS:]

    def _put(self, path: Path, data: bytes) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            raise


def _over(head: bytes) -> bool:
    """Whether the time of what begins so is over; what begins otherwise was not written here, and is."""
    try:
        ends = float(head)
    except ValueError:
        return True
    return ends != 0 and time.time() >= ends
