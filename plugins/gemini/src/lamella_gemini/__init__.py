"""Google Gemini models: loaded when first used, the SDK with the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_gemini.interactions import ChatGeminiInteractions
    from lamella_gemini.model import ChatGemini

__all__ = ["ChatGemini", "ChatGeminiInteractions"]


def __getattr__(name: str) -> Any:
    if name == "ChatGemini":
        from lamella_gemini.model import ChatGemini

        return ChatGemini
    if name == "ChatGeminiInteractions":
        from lamella_gemini.interactions import ChatGeminiInteractions

        return ChatGeminiInteractions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
