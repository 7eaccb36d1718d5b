"""Tools from an OpenAPI document: one for each operation.

Loaded when first used: importing this imports no HTTP, YAML or validator library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_openapi.settings import OpenAPISettings
    from lamella_openapi.source import OpenAPIToolSource

__all__ = ["OpenAPISettings", "OpenAPIToolSource"]

_MODULES: Final = {"OpenAPISettings": "settings", "OpenAPIToolSource": "source"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"lamella_openapi.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
