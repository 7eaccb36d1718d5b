"""Images in messages: :class:`ImageContent`, loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_image.content import ImageContent

__all__ = ["ImageContent"]


def __getattr__(name: str) -> Any:
    if name == "ImageContent":
        from lamella_image.content import ImageContent

        return ImageContent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
