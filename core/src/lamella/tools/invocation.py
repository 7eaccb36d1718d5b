"""A call on its way to its function, and what may stand in that way: the wrappers of a tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload

import attrs

from lamella.tools.runtime import ToolRuntime

if TYPE_CHECKING:
    from lamella.tools.tool import Tool

__all__ = ["Deny", "Proceed", "ToolInvocation", "ToolWrapper", "wrapped"]


@attrs.frozen(kw_only=True)
class ToolInvocation:
    """One call of a tool: approved, its arguments checked and converted.

    ``arguments`` are what the function gets by name, without its ``ToolRuntime`` parameters; ``run``
    is the id of the run and the path of the agent in it.
    """

    tool: Tool
    call_id: str
    arguments: Mapping[str, Any] = attrs.field(repr=False)
    runtime: ToolRuntime = attrs.field(factory=ToolRuntime, repr=False)
    run: str = ""


Proceed: TypeAlias = Callable[[ToolInvocation], Awaitable[Any]]
"""Goes on with a call, towards the function; returns its output: text, JSON, or a tuple of blocks."""


class ToolWrapper(Protocol):
    """Stands between a call and its function.

    It awaits ``proceed(call)`` once, several times or never, and returns the output of the call. It runs
    on the event loop, outside the tool's ``timeout``.
    """

    async def __call__(self, call: ToolInvocation, proceed: Proceed) -> Any:
        """The output of the call."""


class Deny(Exception):  # it is an answer, and reads as one: return Deny("…")
    """A call must not run; the model reads ``reason``, and the run goes on. Returned or raised."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or "")
        self.reason = reason


@overload
def wrapped(tools: Callable[..., Any], wrapper: ToolWrapper) -> Tool: ...
@overload
def wrapped(tools: Iterable[Tool | Callable[..., Any]], wrapper: ToolWrapper) -> tuple[Tool, ...]: ...
def wrapped(
    tools: Callable[..., Any] | Iterable[Tool | Callable[..., Any]], wrapper: ToolWrapper
) -> Tool | tuple[Tool, ...]:
    """A tool, or several, with a wrapper around what they have already.

    :raises AgentInputError: something that is no tool.
    """
    from lamella.tools.tool import as_tools

    given: Iterable[Any] = [tools] if callable(tools) else tools
    made = tuple(attrs.evolve(tool, wrappers=(wrapper, *tool.wrappers)) for tool in as_tools(given))
    return made[0] if callable(tools) else made
