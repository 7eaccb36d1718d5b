"""The plugin of the command line: contributes ``lamella serve-mcp``."""

from __future__ import annotations

from collections.abc import Sequence

import lamella

__all__ = ["lamella_api", "lamella_cli"]

lamella_api = "1.0"


@lamella.hookimpl
def lamella_cli() -> Sequence[lamella.CommandSpec]:
    """The command that serves an agent."""
    return [
        lamella.CommandSpec(
            name="serve-mcp",
            command="lamella_mcp.serve_command:serve_mcp",
            summary="Serve an agent, or a tool, as an MCP server.",
        )
    ]
