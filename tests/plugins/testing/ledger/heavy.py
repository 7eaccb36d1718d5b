"""The same plugin, whose module imports a library."""

from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]  # noqa: F401  # the defect

from ledger.plugin import lamella_api, lamella_event_sink

__all__ = ["lamella_api", "lamella_event_sink"]
