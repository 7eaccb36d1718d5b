"""The same plugin, whose module imports a library."""

from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]  # noqa: F401  # the defect

from larder.plugin import lamella_api, lamella_tool_source

__all__ = ["lamella_api", "lamella_tool_source"]
