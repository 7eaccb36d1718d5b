"""The ``console`` sink is held to what every sink is."""

from __future__ import annotations

from lamella_console import ConsoleSink
from lamella_testing import SinkConformance


class TestConsoleSink(SinkConformance):
    plugin = "console"
    settings = {"color": "never"}
    prints = True

    def make_sink(self) -> ConsoleSink:
        return ConsoleSink(color="never")
