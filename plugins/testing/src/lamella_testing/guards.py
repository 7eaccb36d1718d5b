"""What must not happen while a test looks: a connection, or the reading of a file, stops it at once."""

from __future__ import annotations

import builtins
import io
import os
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

__all__ = ["FileRead", "NetworkUsed", "no_files", "no_network"]


class NetworkUsed(BaseException):
    """Something was about to be sent where nothing may be. No ``Exception``: nothing on the way may take it for one."""


class FileRead(BaseException):
    """A file was about to be opened where none may be. No ``Exception``, as above."""


def refuse_network(*_: object, **__: object) -> NoReturn:
    """In the place of what would send something."""
    raise NetworkUsed


@contextmanager
def no_network() -> Iterator[None]:
    """Raise :class:`NetworkUsed` where a socket is connected or a name looked up."""
    names = ("connect", "connect_ex", "sendto")
    before = {name: vars(socket.socket).get(name) for name in names}
    look_up = socket.getaddrinfo
    try:
        for name in names:
            setattr(socket.socket, name, refuse_network)
        socket.getaddrinfo = refuse_network
        yield
    finally:
        socket.getaddrinfo = look_up
        for name, own in before.items():
            if own is None:
                delattr(socket.socket, name)
            else:
                setattr(socket.socket, name, own)


_OPENERS: Final = ((builtins, "open"), (io, "open"), (os, "open"))


@contextmanager
def no_files() -> Iterator[None]:
    """Raise :class:`FileRead` where this thread opens a file, other than to import a module."""
    thread = threading.get_ident()

    def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def opened(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == thread and not _importing():
                raise FileRead(f"{args[0]!r:.200}" if args else name)
            return real(*args, **kwargs)

        return opened

    before = [getattr(module, name) for module, name in _OPENERS]
    try:
        for (module, name), real in zip(_OPENERS, before, strict=True):
            setattr(module, name, guarded(name, real))
        yield
    finally:
        for (module, name), real in zip(_OPENERS, before, strict=True):
            setattr(module, name, real)


def _importing() -> bool:
    """Whether a module is being imported above: a plugin imports its parts when it first needs them."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
