"""``GeoJSONContent``: what is where on a map, in a message."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, Self

import attrs

from lamella import AgentInputError, MediaContent
from lamella_geojson.check import KINDS, GeoJSONInfo, look_at

__all__ = ["GeoJSONContent"]

_KIND: Final = re.compile(rb'\s*\{.*?"type"\s*:\s*"(?:%s)"' % "|".join(KINDS).encode(), re.DOTALL)


@attrs.frozen(kw_only=True, repr=False)
class GeoJSONContent(MediaContent):
    """GeoJSON (RFC 7946): a feature collection, a feature or a geometry. ``title`` is what the model calls it."""

    type: ClassVar[Literal["geojson"]] = "geojson"
    default_mime_type: ClassVar[str] = "application/geo+json"
    extensions: ClassVar[Mapping[str, str]] = {".geojson": "application/geo+json"}
    synonyms: ClassVar[Mapping[str, str]] = {"application/vnd.geo+json": "application/geo+json"}

    title: str | None = None

    @classmethod
    def sniff(cls, data: bytes) -> str | None:
        """GeoJSON shows itself by the type that it names; only the beginning is looked at."""
        return cls.default_mime_type if _KIND.match(data[:4096]) else None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], mime_type: str | None = None, **fields: Any) -> Self:
        """The GeoJSON in a file; an ``AgentInputError`` where it holds none."""
        return super().from_file(path, mime_type, **fields)._checked()

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str | None = None, **fields: Any) -> Self:
        """GeoJSON in memory; an ``AgentInputError`` where it is none."""
        return super().from_bytes(data, mime_type, **fields)._checked()

    @classmethod
    def from_features(cls, features: Mapping[str, Any] | Iterable[Mapping[str, Any]], **fields: Any) -> Self:
        """GeoJSON of Python's dicts: one object as it is, several features as a collection."""
        whole = features if isinstance(features, Mapping) else _collection(features)
        try:
            text = json.dumps(whole, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AgentInputError(f"the features are no JSON: {error}", cause=error) from error
        return cls.from_bytes(text.encode(), **fields)

    def facts(self) -> list[str]:
        """What every content has to say, and the title."""
        return [*super().facts(), *([] if self.title is None else [self.title])]

    def probe(self) -> GeoJSONInfo:
        """What the bytes hold; an ``AgentInputError`` where they are no GeoJSON, or are not here."""
        if self.data is None:
            raise AgentInputError(f"{self.describe()}: its bytes are not here; read it, and use from_bytes")
        return look_at(self.data, self.name or "the GeoJSON")

    def _checked(self) -> Self:
        self.probe()
        return self


def _collection(features: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}
