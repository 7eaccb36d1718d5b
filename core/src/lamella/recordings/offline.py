"""``offline``: no connection is made and no name is looked up, in this task and what it starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from lamella.errors import ReplayMismatchError

__all__ = ["offline"]

_blocked: ContextVar[bool] = ContextVar("lamella_offline", default=False)
_EVENTS: Final = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})
_installed = False


@contextmanager
def offline() -> Iterator[None]:
    """Block the network of this process inside, by way of Python's own audit events; sockets of the file system work.

    What tries gets a ``ReplayMismatchError`` that says where to.
    """
    global _installed
    if not _installed:
        sys.addaudithook(_watch)  # which stays: there is no taking one away
        _installed = True
    token = _blocked.set(True)
    try:
        yield
    finally:
        _blocked.reset(token)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not _blocked.get():
        return
    if event == "socket.getaddrinfo":
        target: Any = arguments[:2]
    else:
        target = arguments[1]
        if isinstance(target, str | bytes):  # a path
            return
    raise ReplayMismatchError(
        f"the network is blocked while a run is done again from its log, and something wanted {target!r}",
        context={"target": repr(target)},
    )
