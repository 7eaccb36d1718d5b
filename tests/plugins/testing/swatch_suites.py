"""The kit's tests for ``Swatch``, correct or with a defect."""

from __future__ import annotations

import types
from typing import Any

from swatch.content import FILE, LARGE, MIME, Swatch

from lamella import MediaContent
from lamella_testing import ContentConformance

BAD = {"cut.swatch": FILE[:-2], "short.swatch": b"SWCH", "text.swatch": b"no swatch at all"}


def swatch_suite(
    plugin: str | types.ModuleType | None, kind: type[Any] = Swatch, **given: Any
) -> type[ContentConformance]:
    """The kit for a plugin and the class of its samples."""

    class TestSwatch(ContentConformance):
        files = {"red.swatch": (FILE, MIME), "large.swatch": (LARGE, MIME)}
        bad_files = BAD
        patience = 3.0

        def samples(self) -> list[MediaContent]:
            return [
                kind.from_bytes(FILE, title="red", tags=("warm", "bright")),
                kind.from_bytes(LARGE, name="large.swatch"),
                kind.from_url("https://example.com/red.swatch", alt="red"),
                kind.from_file_id("file-red", "anthropic", meta={"colours": 2}),
            ]

    TestSwatch.plugin = plugin
    for name, value in given.items():
        setattr(TestSwatch, name, value)
    return TestSwatch
