"""Runs in a terminal: a sink that shows them while they happen; loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_console.settings import ConsoleSettings
    from lamella_console.sink import ConsoleSink

__all__ = ["ConsoleSink", "ConsoleSettings"]

_HOME = {"ConsoleSink": "sink", "ConsoleSettings": "settings"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
