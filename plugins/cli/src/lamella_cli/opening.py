"""The tools of a source, opened outside of a run, and closed on every path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from lamella.agent.toolbox import Toolbox
from lamella.errors import ConfigError
from lamella.plugins.names import did_you_mean

if TYPE_CHECKING:
    from lamella.config import Project
    from lamella.specs import ToolSource
    from lamella.tools import Tool

__all__ = ["one_tool", "opened"]


@asynccontextmanager
async def opened(source: ToolSource, project: Project) -> AsyncIterator[Mapping[str, Tool]]:
    """The tools of a source by name, as a run has them: with what plugins wrap around tools.

    :raises LamellaError: the source cannot be opened.
    """
    async with AsyncExitStack() as stack:
        toolbox = Toolbox(project.host.hooks.wrap_tool)
        await toolbox.open([source], project, stack)
        yield toolbox.tools


def one_tool(tools: Mapping[str, Tool], name: str, source: str) -> Tool:
    """The tool of that name.

    :param source: what to call the source in an error.
    :raises ConfigError: there is none.
    """
    if name not in tools:
        known = ", ".join(tools) or "none"
        raise ConfigError(f"{source} has no tool {name!r}{did_you_mean(name, tools)} (its tools: {known})")
    return tools[name]
