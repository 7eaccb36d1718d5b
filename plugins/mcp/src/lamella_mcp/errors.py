"""The error of a call, beside those of Lamella."""

from __future__ import annotations

from lamella.errors import AgentToolExecutionError

__all__ = ["MCPToolError"]


class MCPToolError(AgentToolExecutionError):
    """A call of an MCP tool failed: the tool says so itself, or the server died, or sent what cannot be read.

    ``context`` has the ``server``, and ``mcp_code`` where the server answered with a protocol error.
    """
