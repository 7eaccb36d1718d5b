"""The ``logging`` sink is held to what every sink is."""

from __future__ import annotations

from lamella_logging import LoggingSink
from lamella_testing import SinkConformance


class TestLoggingSink(SinkConformance):
    plugin = "logging"
    settings = {"level": "debug", "levels": {"tool.start": "warning"}}

    def make_sink(self) -> LoggingSink:
        return LoggingSink(level="debug", content=True)
