"""Tools by name: a configured table, a module, a function of one, or a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lamella.specs import ToolSource

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["find_tools"]


def find_tools(names: Iterable[str], project: Project) -> list[ToolSource]:
    """The tool sources that ``-t`` names.

    :raises ConfigError: a name that is neither configured nor a module or file.
    """
    return [_source(name, project) for name in names]


def _source(name: str, project: Project) -> ToolSource:
    if name in project.tools:
        return project.build_tool_source(name)
    raise NotImplementedError
