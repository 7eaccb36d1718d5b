"""Images in messages: :class:`ImageContent`, loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_image.content import ImageContent
    from lamella_image.limits import Limits
    from lamella_image.probe import ImageInfo

__all__ = ["ImageContent", "ImageInfo", "Limits"]

_HOMES: Final = {"ImageContent": "content", "ImageInfo": "probe", "Limits": "limits"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
