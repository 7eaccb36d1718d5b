"""The plugin of the ``logging`` sink: light, the sink is imported when it is built."""

from __future__ import annotations

import lamella
from lamella import SinkSpec

__all__ = ["lamella_api", "lamella_event_sink"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_event_sink() -> SinkSpec:
    """The sink ``logging``."""
    return SinkSpec(
        id="logging",
        summary="Writes runs to Python's logging, a structured record for each thing of interest",
        factory="lamella_logging.sink:LoggingSink",
        settings="lamella_logging.settings:LoggingSettings",
    )
