"""``lamella tools list``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from lamella.errors import LamellaError
from lamella_cli.exits import Exit, exit_of
from lamella_cli.output import error_line, notice, write_json, write_table
from lamella_cli.session import Session, pass_session
from lamella_cli.tool_facts import source_facts, tool_facts

if TYPE_CHECKING:
    from lamella.config import Project

__all__ = ["list_tools"]


@click.command("list")
@click.option("--tools", "with_tools", is_flag=True, help="Open the sources, and list their tools.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_session
def list_tools(session: Session, with_tools: bool, as_json: bool) -> int:
    """The configured tables, then the installed tool sources, and their state.

    Without --tools no plugin is imported and nothing is opened.
    """
    project = session.project if with_tools else session.unlocked
    facts = source_facts(project)
    ended = Exit.OK
    if with_tools:
        with redirect_stdout(sys.stderr):
            ended = asyncio.run(_add_tools(facts, project))
    words = [each.pop("words") for each in facts]
    if as_json:
        write_json(facts)
        return ended
    if not facts:
        notice("no tool source is configured or installed; for example: pip install lamella-python")
        return ended
    for fact, state in zip(facts, words, strict=True):
        fact["shown"] = [fact["name"], fact["source"], fact["from"] or "-", state]
    write_table(["NAME", "SOURCE", "FROM", "STATE"], [fact["shown"] for fact in facts])
    for fact in facts:
        for tool in fact.get("tools") or ():
            summary = tool["description"].partition("\n")[0]
            click.echo(f"{fact['name']}.{tool['name']}  {summary}".rstrip())
    return ended


async def _add_tools(facts: list[dict[str, Any]], project: Project) -> Exit:
    """Open the sources one after the other; the exit code is that of the first table that cannot be."""
    from lamella_cli.opening import opened
    from lamella_cli.tooling import tool_source

    ended = Exit.OK
    for fact in facts:
        fact["tools"] = None
        if not fact["usable"] and fact["where"] is None:
            continue
        try:
            async with opened(tool_source(fact["name"], project), project) as tools:
                fact["tools"] = [tool_facts(tool, fact["source"]) for tool in tools.values()]
        except LamellaError as error:
            fact["error"] = error.message
            if fact["where"] is None:  # an installed source that needs settings is no fault
                fact["words"] += f"; {error.message}"
                continue
            error_line(f"{fact['name']}: {error.message}", error.error_code.value)
            ended = ended or exit_of(error, running=True)
    return ended
