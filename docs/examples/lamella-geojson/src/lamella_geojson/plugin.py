"""The plugin module: names the content type, and writes it for two wires. It imports nothing but lamella."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lamella

lamella_api = "1.0"


@lamella.hookimpl
def lamella_content_types() -> Sequence[lamella.ContentSpec]:
    """The content type ``geojson``."""
    return [
        lamella.ContentSpec(
            id="geojson",
            summary="GeoJSON: points, lines and areas on a map",
            content_class="lamella_geojson.content:GeoJSONContent",
            dialects=("anthropic.messages", "gemini"),
        )
    ]


@lamella.hookimpl
def lamella_encode_content(content: lamella.MediaContent, dialect: str) -> Mapping[str, Any] | None:
    """GeoJSON in the form of the dialect, ``None`` for other content and other wires."""
    if content.type != "geojson":
        return None
    from lamella_geojson.encode import encode_geojson

    return encode_geojson(content, dialect)
