"""Ollama models: loaded when first used, the SDK with the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_ollama.model import ChatOllama

__all__ = ["ChatOllama"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from lamella_ollama import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
