"""The plugin: contributes the tool source ``mcp``."""

from __future__ import annotations

import lamella

__all__ = ["lamella_api", "lamella_tool_source"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_tool_source() -> lamella.ToolSourceSpec:
    """The tools of an MCP server."""
    return lamella.ToolSourceSpec(
        id="mcp",
        summary="Tools of an MCP server: a command (stdio) or a URL (streamable HTTP).",
        settings="lamella_mcp.settings:MCPToolSettings",
        factory="lamella_mcp.source:MCPToolSource",
        prefixed=True,
    )
