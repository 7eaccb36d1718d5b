"""Runs as records of Python's ``logging``: a sink; loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_logging.settings import LoggingSettings
    from lamella_logging.sink import LoggingSink

__all__ = ["LoggingSettings", "LoggingSink"]

_HOME = {"LoggingSettings": "settings", "LoggingSink": "sink"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
