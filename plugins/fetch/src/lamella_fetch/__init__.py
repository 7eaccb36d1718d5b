"""Fetches media behind URLs for models that take bytes only, without reaching private networks.

Loaded when first used: importing this imports no HTTP library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_fetch.fetcher import Fetched, Fetcher
    from lamella_fetch.model import FetchingModel, with_fetched_media
    from lamella_fetch.settings import FetchSettings

__all__ = ["FetchSettings", "Fetched", "Fetcher", "FetchingModel", "with_fetched_media"]

_MODULES: Final = {
    "FetchSettings": "settings",
    "Fetched": "fetcher",
    "Fetcher": "fetcher",
    "FetchingModel": "model",
    "with_fetched_media": "model",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"lamella_fetch.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
