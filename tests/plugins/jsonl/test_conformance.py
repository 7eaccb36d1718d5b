"""The ``jsonl`` store is held to what every run store is."""

from __future__ import annotations

import functools
import shutil
from typing import Any

from lamella_jsonl import JSONLStore
from lamella_testing import SinkConformance


class TestJSONLStore(SinkConformance):
    plugin = "jsonl"
    settings = {"path": "runs", "deltas": False}

    def make_sink(self) -> JSONLStore:
        return JSONLStore(self.folder / "runs")

    def recipe(self) -> Any:
        return functools.partial(JSONLStore, self.folder / "runs")

    def break_storage(self) -> bool:
        shutil.rmtree(self.folder)
        self.folder.write_text("no folder any more")
        return True


class TestWithoutDeltas(SinkConformance):
    kills = 2

    def make_sink(self) -> JSONLStore:
        return JSONLStore(self.folder / "runs", deltas=False, raw="dropped", fsync="never")

    def recipe(self) -> Any:
        return functools.partial(JSONLStore, self.folder / "runs", deltas=False, raw="dropped", fsync="never")


class TestRotating(SinkConformance):
    kills = 4

    def make_sink(self) -> JSONLStore:
        return JSONLStore(self.folder / "runs", layout="rotating", max_bytes=50_000)

    def recipe(self) -> Any:
        return functools.partial(JSONLStore, self.folder / "runs", layout="rotating", max_bytes=50_000)

    def break_storage(self) -> bool:
        shutil.rmtree(self.folder)
        self.folder.write_text("no folder any more")
        return True
