"""The plugin of the correct store."""

from __future__ import annotations

import lamella

lamella_api = "1.0"


@lamella.hookimpl
def lamella_event_sink() -> lamella.SinkSpec:
    return lamella.SinkSpec(
        id="ledger",
        summary="Keeps runs.",
        factory="ledger.store:Ledger",
        settings="ledger.settings:LedgerSettings",
        store=True,
    )
