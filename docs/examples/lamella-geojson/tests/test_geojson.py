"""The content type, held to the conformance kit; and what is its own."""

from __future__ import annotations

import pytest

from lamella import AgentInputError, MediaContent
from lamella_geojson import GeoJSONContent
from lamella_testing import ContentConformance

PARIS = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [2.35, 48.86]},
    "properties": {"name": "Paris"},
}
FILE = b'{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}'
DEEP = b'{"type": "Polygon", "coordinates": ' + b"[" * 5000 + b"]" * 5000 + b"}"


class TestGeoJSON(ContentConformance):
    plugin = "geojson"
    files = {"area.geojson": (FILE, "application/geo+json")}
    bad_files = {
        "cut.geojson": FILE[:-9],
        "nan.geojson": FILE.replace(b"[1, 1]", b"[NaN, 1]"),
        "json.geojson": b'{"type": "Topology", "objects": {}}',
        "deep.geojson": DEEP,
    }

    def samples(self) -> list[MediaContent]:
        return [
            GeoJSONContent.from_bytes(FILE),
            GeoJSONContent.from_features([PARIS], title="Cities", alt="one city"),
            GeoJSONContent.from_url("https://example.com/area.geojson"),
        ]


def test_what_is_in_it() -> None:
    info = GeoJSONContent.from_features([PARIS, {**PARIS, "geometry": None}]).probe()
    assert (info.kind, info.features, info.positions) == ("FeatureCollection", 2, 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"type": "Feature", "properties": {}}, "no geometry"),
        ({"type": "FeatureCollection"}, "no list 'features'"),
        ({"type": "Point", "coordinates": ["2.35", "48.86"]}, "longitude, latitude"),
        ({"type": "LineString", "coordinates": [1, 2]}, "no list where coordinates"),
        ({"type": "Circle"}, "none of GeoJSON's"),
        ({"type": "Point", "coordinates": [{1, 2}]}, "no JSON"),
    ],
)
def test_what_is_no_geojson_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(AgentInputError, match=said):
        GeoJSONContent.from_features(wrong)
