"""The kit's tests for ``Larder``, correct or with a defect."""

from __future__ import annotations

import types
from typing import Any

import larder.plugin
from larder.source import Larder

from lamella_testing import ToolCall, ToolSourceConformance

SECRET = "token-0123456789"


def larder_suite(
    kind: type[Any] = Larder, plugin: types.ModuleType | str | None = larder.plugin, **given: Any
) -> type[ToolSourceConformance]:
    """The kit for a class of sources and a plugin."""

    class TestLarder(ToolSourceConformance):
        settings = {"token": SECRET}
        secret = SECRET
        patience = 1.0
        calls = (
            ToolCall("put", {"item": "jam", "count": 2}, output=2, repeatable=False),
            ToolCall("put", {"item": "jam", "count": 1}, output=3, repeatable=False),
            ToolCall("count", {"item": "jam"}, output={"item": "jam", "letters": 3}),
            ToolCall("count", {"item": "honey"}, check=lambda output: output["letters"] == 5),
            ToolCall("look", check=lambda output: len(output) == 2),
        )
        failing_calls = (ToolCall("count", {"item": "gold"}),)
        bad_calls = (ToolCall("put", {"item": "jam", "count": 0}),)
        slow_calls = (ToolCall("wait"),)

        def make_source(self) -> Any:
            return kind(token=SECRET)

        def make_broken_source(self) -> Any:
            return kind(token=SECRET, shelf="none")

        async def change(self, source: Any) -> bool:
            source.changed = True
            return True

    TestLarder.plugin = plugin
    for name, value in given.items():
        setattr(TestLarder, name, value)
    return TestLarder
