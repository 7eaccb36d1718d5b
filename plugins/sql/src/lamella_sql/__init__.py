"""Runs in SQLite or PostgreSQL: a sink that stores them, and a store that reads them back; loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_sql.settings import SQLSettings
    from lamella_sql.store import SQLStore

__all__ = ["SQLSettings", "SQLStore"]

_HOME = {"SQLSettings": "settings", "SQLStore": "store"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
