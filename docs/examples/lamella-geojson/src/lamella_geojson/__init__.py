"""GeoJSON in messages: :class:`GeoJSONContent`, loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_geojson.content import GeoJSONContent

__all__ = ["GeoJSONContent"]


def __getattr__(name: str) -> Any:
    if name == "GeoJSONContent":
        from lamella_geojson.content import GeoJSONContent

        return GeoJSONContent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
