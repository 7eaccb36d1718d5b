"""Anthropic models, and servers that speak the Messages API: loaded when first used, the SDK with the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_anthropic.model import ChatAnthropic

__all__ = ["ChatAnthropic"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from lamella_anthropic import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
