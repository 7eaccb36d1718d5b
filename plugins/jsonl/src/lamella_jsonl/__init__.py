"""Runs as files of JSON lines: a sink that stores them, and a store that reads them back; loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_jsonl.settings import JSONLSettings
    from lamella_jsonl.store import JSONLStore

__all__ = ["JSONLStore", "JSONLSettings"]

_HOME = {"JSONLStore": "store", "JSONLSettings": "settings"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
