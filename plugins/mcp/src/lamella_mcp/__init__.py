"""MCP: tools of MCP servers for agents, and agents as MCP servers. Names are imported when they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamella_mcp.catalog import MCPPrompt, MCPResource
    from lamella_mcp.errors import MCPToolError
    from lamella_mcp.serving import agent_server, aserve_agent, serve_agent
    from lamella_mcp.settings import MCPToolSettings
    from lamella_mcp.source import MCPToolSource

__all__ = [
    "MCPPrompt",
    "MCPResource",
    "MCPToolError",
    "MCPToolSettings",
    "MCPToolSource",
    "agent_server",
    "aserve_agent",
    "serve_agent",
]

_ROOMS = {
    "MCPPrompt": "catalog",
    "MCPResource": "catalog",
    "MCPToolError": "errors",
    "MCPToolSettings": "settings",
    "MCPToolSource": "source",
    "agent_server": "serving",
    "aserve_agent": "serving",
    "serve_agent": "serving",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: discovery imports only the plugin module."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
