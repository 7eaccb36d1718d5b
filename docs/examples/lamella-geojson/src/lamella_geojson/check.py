"""Whether bytes are GeoJSON: the objects of RFC 7946, section 3, and the depth of their coordinates."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import attrs

from lamella import AgentInputError

__all__ = ["KINDS", "MAX_BYTES", "GeoJSONInfo", "look_at"]

MAX_BYTES: Final = 20_000_000
"""More than a model can read, and little enough to be parsed at once."""

_DEPTHS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How many lists there are around the positions of a geometry."""

KINDS: Final = (*_DEPTHS, "GeometryCollection", "FeatureCollection", "Feature")


@attrs.frozen
class GeoJSONInfo:
    """What GeoJSON holds: its kind, and how many features and positions."""

    kind: str
    features: int
    positions: int


def look_at(data: bytes, name: str) -> GeoJSONInfo:
    """What the bytes hold.

    :raises AgentInputError: they are no GeoJSON; says where and why.
    """
    if len(data) > MAX_BYTES:
        raise AgentInputError(
            f"{name}: {len(data):,} bytes are too many, {MAX_BYTES:,} the limit; send a part"
        )
    try:
        whole = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
        positions = _object(whole, "the document")
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise AgentInputError(f"{name} is no GeoJSON: {reason}", cause=error) from error
    features = whole["features"] if whole["type"] == "FeatureCollection" else [whole]
    return GeoJSONInfo(whole["type"], len(features) if "eature" in whole["type"] else 0, positions)


def _object(value: Any, where: str) -> int:
    """How many positions an object holds."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection":
        return sum(
            _feature(each, f"feature {place}") for place, each in enumerate(_list(value, "features", where))
        )
    return _feature(value, where) if kind == "Feature" else _geometry(value, where)


def _feature(value: Any, where: str) -> int:
    if not isinstance(value, dict) or value.get("type") != "Feature":
        raise ValueError(f"{where} is no Feature")
    if "geometry" not in value:
        raise ValueError(f"{where} has no geometry; null says that it is nowhere")
    return 0 if value["geometry"] is None else _geometry(value["geometry"], where)


def _geometry(value: Any, where: str) -> int:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "GeometryCollection":
        return sum(_geometry(each, where) for each in _list(value, "geometries", where))
    if not isinstance(kind, str) or kind not in _DEPTHS:
        raise ValueError(
            f"the type of {where} is {kind!r:.50}, which is none of GeoJSON's: {', '.join(KINDS)}"
        )
    return _positions(value.get("coordinates"), _DEPTHS[kind], f"the {kind} of {where}")


def _positions(value: Any, depth: int, where: str) -> int:
    if not isinstance(value, list):
        raise ValueError(f"{where} has no list where coordinates should be")
    if depth:
        return sum(_positions(each, depth - 1, where) for each in value)
    if len(value) < 2 or not all(type(each) in (int, float) for each in value):
        raise ValueError(f"{where} has a position that is not [longitude, latitude]: {value!r:.50}")
    return 1


def _list(value: dict[str, Any], key: str, where: str) -> list[Any]:
    found = value.get(key)
    if not isinstance(found, list):
        raise ValueError(f"{where} has no list {key!r}")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
