"""The plugin: contributes the tool source ``openapi``."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_tool_source"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_tool_source() -> lamella.ToolSourceSpec:
    """The operations of an OpenAPI document as tools."""
    return lamella.ToolSourceSpec(
        id="openapi",
        summary="Operations of an HTTP service, from its OpenAPI document.",
        settings="lamella_openapi.settings:OpenAPISettings",
        factory="lamella_openapi.source:OpenAPIToolSource",
        prefixed=True,
    )
