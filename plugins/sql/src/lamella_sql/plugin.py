"""The plugin of the ``sql`` sink: light, nothing is opened before the sink is built."""

from __future__ import annotations

import lamella
from lamella import SinkSpec

__all__ = ["lamella_api", "lamella_event_sink"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_event_sink() -> SinkSpec:
    """The sink and run store ``sql``."""
    return SinkSpec(
        id="sql",
        summary="Stores runs in SQLite or PostgreSQL",
        factory="lamella_sql.store:SQLStore",
        settings="lamella_sql.settings:SQLSettings",
        store=True,
    )
