"""The conformance kit on the tool source, with a server of its own."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from mcp_servers import RAW

from lamella_mcp import MCPToolSource
from lamella_testing import ToolCall, ToolSourceConformance


class TestMCP(ToolSourceConformance):
    """F-X25."""

    plugin = "mcp"
    settings = {"command": sys.executable, "args": [str(RAW)], "env": {"TOKEN": "tok-c0nf0rm"}}
    secret = "tok-c0nf0rm"
    calls = (ToolCall("big", {"size": 3}, output="xxx"),)

    def make_source(self) -> MCPToolSource:
        """The raw server."""
        return MCPToolSource(name="raw", **self.settings)

    def make_broken_source(self) -> MCPToolSource:
        """One that crashes at the start."""
        return MCPToolSource(command=sys.executable, args=[str(RAW), "crash"], name="raw")

    async def change(self, source: Any) -> bool:
        """Let the server grow a tool."""
        tools = {tool.name: tool for tool in await source.open()}
        try:
            await tools["grow"].coroutine()
            while not source._session._connection.changed:
                await asyncio.sleep(0.01)
        finally:
            await source.close()
        return True
