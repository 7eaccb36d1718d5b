"""The tools of one run: made of functions, agents and open tool sources, and made anew when a source changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import attrs

from lamella.agent.nested import agent_tool
from lamella.errors import LamellaError, PluginError
from lamella.specs import ChangingToolSource, ToolSource
from lamella.tools import Tool, as_tools

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["Toolbox", "is_agent"]

_log = logging.getLogger(__name__)


def is_agent(item: object) -> bool:
    """Whether something in an agent's ``tools`` is an agent itself."""
    return hasattr(item, "as_tool") and hasattr(item, "astream")


@attrs.define(eq=False)
class _Shelf:
    """One item of an agent's ``tools``, and the tools that it is now."""

    name: str
    tools: Sequence[Tool] = attrs.field(converter=as_tools)
    source: ToolSource | None = None

    async def refresh(self) -> bool:
        """Whether the source has other tools than before."""
        if not isinstance(self.source, ChangingToolSource):
            return False
        try:
            tools: Any = await self.source.refresh()
        except LamellaError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            raise _failed(self.name, "could not say what its tools are", error) from error
        if tools is None:
            return False
        self.tools = as_tools(_sequence(tools, self.name))
        return True


class Toolbox:
    """What an agent can call in a run.

    :param finish: makes of a tool what the run calls: bound to it, wrapped by middleware.
    """

    def __init__(self, finish: Callable[[Tool], Tool]) -> None:
        self._finish = finish
        self._shelves: list[_Shelf] = []
        self._finished: dict[int, tuple[Tool, Tool]] = {}
        self.tools: Mapping[str, Tool] = {}

    async def open(self, items: Sequence[Any], project: Project, stack: AsyncExitStack) -> None:
        """Open every item; ``stack`` closes the sources.

        :raises AgentInputError: two tools have one name.
        :raises LamellaError: a source cannot be made or opened.
        """
        for item in items:
            self._shelves.append(await _open(item, project, stack))
        self._arrange()

    async def refresh(self) -> None:
        """Ask the sources that may change; ``tools`` is another mapping afterwards if one did."""
        if any([await shelf.refresh() for shelf in self._shelves if shelf.source is not None]):
            self._arrange()

    def _arrange(self) -> None:
        found = as_tools([tool for shelf in self._shelves for tool in shelf.tools])
        kept = {id(tool): self._finished.get(id(tool)) or (tool, self._finish(tool)) for tool in found}
        self._finished = kept  # with the tool itself, so that its id is nobody else's
        self.tools = {made.name: made for _, made in kept.values()}


async def _open(item: Any, project: Project, stack: AsyncExitStack) -> _Shelf:
    if is_agent(item):
        return _Shelf(item.name, [agent_tool(item, item.name, item.description)])
    if isinstance(item, str):
        name, item = repr(item), project.build_tool_source(item)
    else:
        name = type(item).__name__
    if not isinstance(item, ToolSource):
        return _Shelf(name, [item])
    tools = await _opened(item, name)
    stack.push_async_callback(_close, item, name)
    return _Shelf(name, tools, item)


async def _opened(source: ToolSource, name: str) -> Sequence[Any]:
    try:
        tools: Any = await source.open()
    except LamellaError:
        raise
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        raise _failed(name, "could not be opened", error) from error
    try:
        return _sequence(tools, name)
    except PluginError:
        await _close(source, name)
        raise


def _failed(name: str, what: str, error: BaseException) -> PluginError:
    return PluginError(f"tool source {name} {what}: {type(error).__name__}: {error}", cause=error)


def _sequence(tools: Any, name: str) -> Sequence[Any]:
    if isinstance(tools, Sequence):
        return tools
    raise PluginError(f"tool source {name} must open to a sequence of tools, got {type(tools).__name__}")


async def _close(source: ToolSource, name: str) -> None:
    """Close a source; one that fails at it is reported, and does not undo a run that is over."""
    try:
        await source.close()
    except (Exception, SystemExit) as error:
        _log.warning("tool source %s failed to close: %s: %s", name, type(error).__name__, error)
        _log.debug("traceback", exc_info=error)
