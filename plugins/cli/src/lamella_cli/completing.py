"""Names for the shell to complete: of tool sources, agents and run stores. What cannot be read completes to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from lamella.errors import LamellaError

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["complete_agents", "complete_sources", "complete_stores"]


def complete_sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tables of ``[tools]`` and the installed sources; with a path begun, files."""
    if "/" in incomplete or incomplete.endswith(".py"):
        return [CompletionItem(incomplete, type="file")]
    found = _names(ctx, incomplete, lambda project: (*project.tools, *project.host.names("tool_source")))
    files = (path.name for path in sorted(Path().glob("*.py")) if path.name.startswith(incomplete))
    return [*found, *map(CompletionItem, files)]


def complete_agents(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tables of ``[agents]``."""
    return _names(ctx, incomplete, lambda project: project.agents)


def complete_stores(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The installed run stores."""
    return _names(ctx, incomplete, _stores)


def _stores(project: Project) -> Iterable[str]:
    host = project.host
    return (name for name in host.names("sink") if host.record("sink", name).usable and host.sink(name).store)


def _names(
    ctx: click.Context, incomplete: str, names_of: Callable[[Project], Iterable[str]]
) -> list[CompletionItem]:
    from lamella.config import Project

    directory = ctx.find_root().params.get("directory")
    try:
        names = sorted(set(names_of(Project.load(start=directory))))
    except LamellaError:  # the command itself will say it
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
