"""The plugin of the ``otel`` sink: light, OpenTelemetry is imported when the sink is built."""

from __future__ import annotations

import lamella
from lamella import SinkSpec

__all__ = ["lamella_api", "lamella_event_sink"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_event_sink() -> SinkSpec:
    """The sink ``otel``."""
    return SinkSpec(
        id="otel",
        summary="Makes OpenTelemetry spans and metrics of runs",
        factory="lamella_otel.sink:OtelSink",
        settings="lamella_otel.settings:OtelSettings",
    )
