"""The plugin of the ``console`` sink: light, rich is imported when the sink is built."""

from __future__ import annotations

import lamella
from lamella import SinkSpec

__all__ = ["lamella_api", "lamella_event_sink"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_event_sink() -> SinkSpec:
    """The sink ``console``."""
    return SinkSpec(
        id="console",
        summary="Shows runs in the terminal while they happen",
        factory="lamella_console.sink:ConsoleSink",
        settings="lamella_console.settings:ConsoleSettings",
    )
