"""The kit's tests for ``Ledger``, correct or with a defect."""

from __future__ import annotations

import functools
import shutil
import types
from typing import Any

import ledger.plugin
from ledger.store import Ledger

from lamella_testing import SinkConformance

SECRET = "token-0123456789"


def ledger_suite(
    kind: type[Any] = Ledger, plugin: types.ModuleType | str | None = ledger.plugin, **given: Any
) -> type[SinkConformance]:
    """The kit for a class of stores and a plugin."""

    class TestLedger(SinkConformance):
        settings = {"token": SECRET, "deltas": False}
        secret = SECRET
        patience = 5.0
        many = 30
        kills = 2
        options: Any = {}

        def make_sink(self) -> Any:
            return self.recipe()()

        def recipe(self) -> Any:
            return functools.partial(kind, self.folder / "runs", token=SECRET, **self.options)

        def break_storage(self) -> bool:
            shutil.rmtree(self.folder)
            self.folder.write_text("no folder any more")
            return True

    TestLedger.plugin = plugin
    for name, value in given.items():
        setattr(TestLedger, name, value)
    return TestLedger
