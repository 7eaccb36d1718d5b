"""OpenAI models, and every server that speaks OpenAI's wires: loaded when first used, the SDK with the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_openai.model import ChatOpenAI, ChatOpenAICompletions

__all__ = ["ChatOpenAI", "ChatOpenAICompletions"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from lamella_openai import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
