"""``lamella tools show``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import redirect_stdout
from typing import Any

import click

from lamella_cli.completing import complete_sources
from lamella_cli.output import notice, write_json
from lamella_cli.session import Session, pass_session

__all__ = ["show_tools"]


@click.command("show")
@click.argument("name", metavar="NAME[.TOOL]", shell_complete=complete_sources)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the schemas in full.")
@pass_session
def show_tools(session: Session, name: str, as_json: bool) -> None:
    """What the tools of a source take: description, arguments, approval, timeout.

    NAME is a table, an installed source, a module, module:function or a file; it is opened for this. With .TOOL
    only that tool of a table, an installed source or a file is shown.
    """
    project = session.project
    with redirect_stdout(sys.stderr):
        shown = asyncio.run(_facts(name, project))
    if as_json:
        write_json(shown)
        return
    from lamella_cli.tool_facts import tool_lines

    if not shown:
        notice(f"{name} has no tools")
    for place, facts in enumerate(shown):
        click.echo("" if place else None, nl=bool(place))
        click.echo("\n".join(tool_lines(facts)))


async def _facts(name: str, project: Any) -> list[dict[str, Any]]:
    from lamella_cli.opening import one_tool, opened
    from lamella_cli.tool_facts import source_of, tool_facts
    from lamella_cli.tooling import split_name, tool_source

    source, wanted = split_name(name, project)
    async with opened(tool_source(source, project), project) as tools:
        chosen = tools.values() if wanted is None else [one_tool(tools, wanted, source)]
        return [tool_facts(tool, source_of(source, project)) for tool in chosen]
