"""The plugin of the ``jsonl`` sink: light, nothing is read or written before the sink is built."""

from __future__ import annotations

import lamella
from lamella import SinkSpec

__all__ = ["lamella_api", "lamella_event_sink"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_event_sink() -> SinkSpec:
    """The sink and run store ``jsonl``."""
    return SinkSpec(
        id="jsonl",
        summary="Stores each run as a file of JSON lines",
        factory="lamella_jsonl.store:JSONLStore",
        settings="lamella_jsonl.settings:JSONLSettings",
        store=True,
    )
