"""The plugin of the correct tool source."""

from __future__ import annotations

import lamella

lamella_api = "1.0"


@lamella.hookimpl
def lamella_tool_source() -> lamella.ToolSourceSpec:
    return lamella.ToolSourceSpec(
        id="larder",
        summary="What is in the larder.",
        factory="larder.source:Larder",
        settings="larder.settings:LarderSettings",
    )
