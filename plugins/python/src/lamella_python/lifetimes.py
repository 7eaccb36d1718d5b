"""Objects that are opened and closed with the run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

__all__ = ["ENDS", "enter", "lifetime_names"]

ENDS: Final = ("aclose", "close")
"""The methods that end an object which has no method to begin it, the preferred one first."""


def lifetime_names(target: object) -> frozenset[str]:
    """The public methods of an object that are its lifetime, not tools."""
    if _pair(target):
        return frozenset({"open", "close", "refresh"})
    return frozenset(name for name in ENDS if _plain(target, name))


async def enter(target: Any, stack: AsyncExitStack, *, owned: bool) -> Any:
    """Begin the lifetime of an object; ``stack`` ends it.

    That is ``open`` and ``close``, else ``async with``, else ``with``, else, of an object that was made for this
    source, ``aclose`` or ``close`` alone. All may be sync or async.

    :param owned: whether the object was made for this source.
    :returns: what ``open`` or the ``with`` gave, ``None`` when nothing did.
    """
    if _pair(target):
        given = await _settled(target.open())
        stack.push_async_callback(_call, target.close)
        return given
    if hasattr(type(target), "__aenter__") and hasattr(type(target), "__aexit__"):
        return await stack.enter_async_context(target)
    if hasattr(type(target), "__enter__") and hasattr(type(target), "__exit__"):
        return stack.enter_context(target)
    end = next((name for name in ENDS if _plain(target, name)), None)
    if owned and end is not None:
        stack.push_async_callback(_call, getattr(target, end))
    return None


def _pair(target: object) -> bool:
    return _plain(target, "open") and _plain(target, "close")


def _plain(target: object, name: str) -> bool:
    """Whether an object has a method that can be called without arguments."""
    method = inspect.getattr_static(type(target), name, None)
    if method is None or isinstance(method, property):
        return False
    try:
        inspect.signature(getattr(target, name)).bind()
    except (TypeError, ValueError):
        return False
    return True


async def _call(end: Callable[[], Any]) -> None:
    await _settled(end())


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
