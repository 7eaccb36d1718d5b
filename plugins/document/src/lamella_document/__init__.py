"""Documents in messages: :class:`DocumentContent`, loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella_document.content import DocumentContent
    from lamella_document.limits import DocumentLimits, limits_of
    from lamella_document.probe import DocumentInfo

__all__ = ["DocumentContent", "DocumentInfo", "DocumentLimits", "limits_of"]

_ROOMS: Final = {
    "DocumentContent": "content",
    "DocumentInfo": "probe",
    "DocumentLimits": "limits",
    "limits_of": "limits",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(f"lamella_document.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
