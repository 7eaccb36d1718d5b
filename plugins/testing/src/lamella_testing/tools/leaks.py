"""What a process holds: tasks, threads, processes, open files and sockets; measured before and after."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import attrs

__all__ = ["Held"]

_POOLS: Final = ("asyncio_", "AnyIO worker thread")
"""Threads of pools that belong to the loop, and end with it."""

_GRACE: Final = 2.0
"""Seconds for threads and processes to be gone after they were told."""


@attrs.frozen
class Held:
    """What is held now, each under the words that name it."""

    things: frozenset[tuple[str, str]]

    @classmethod
    def now(cls) -> Self:
        """Look; to be called inside of a loop."""
        return cls(frozenset((*_tasks(), *_threads(), *_processes(), *_descriptors())))

    def more_than(self, before: Held) -> list[str]:
        """What is held now and was not before, in words."""
        return sorted(words for words, _ in self.things - before.things)

    @classmethod
    async def left(cls, before: Held, patience: float) -> list[str]:
        """What is held and was not before, when it had a little time to go."""
        found = cls.now().more_than(before)
        if not found:
            return []
        gc.collect()
        loop = asyncio.get_running_loop()
        end = loop.time() + min(patience, _GRACE)
        while (found := cls.now().more_than(before)) and loop.time() < end:  # noqa: ASYNC110  # threads and processes set no event
            await asyncio.sleep(0.05)
        return found


def _tasks() -> Iterator[tuple[str, str]]:
    own = asyncio.current_task()
    for task in asyncio.all_tasks():
        if task is not own and not task.done():
            coroutine = task.get_coro()
            yield f"the task {getattr(coroutine, '__qualname__', task.get_name())}", str(id(task))


def _threads() -> Iterator[tuple[str, str]]:
    for thread in threading.enumerate():
        if not thread.name.startswith(_POOLS):
            yield f"the thread {thread.name!r}", str(thread.ident)


def _processes() -> Iterator[tuple[str, str]]:
    """The processes below this one, on Linux; elsewhere nothing tells without a library."""
    below = _children(os.getpid())
    while below:
        number = below.pop()
        try:
            name = Path(f"/proc/{number}/comm").read_text(errors="replace").strip()
        except OSError:  # gone meanwhile
            continue
        yield f"the process {name!r} ({number})", str(number)
        below += _children(number)


def _children(number: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{number}/task").glob("*/children"):
        try:
            found += map(int, path.read_text().split())
        except OSError:  # gone meanwhile
            continue
    return found


def _descriptors() -> Iterator[tuple[str, str]]:
    folder = Path("/dev/fd")
    if not folder.is_dir():
        return
    for name in os.listdir(folder):
        try:
            facts = os.fstat(int(name))
        except OSError:  # that of the listing itself
            continue
        yield f"{_kind(facts.st_mode)} (descriptor {name})", f"{name} {facts.st_dev} {facts.st_ino}"


def _kind(mode: int) -> str:
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a pipe" if stat.S_ISFIFO(mode) else "an open file"
