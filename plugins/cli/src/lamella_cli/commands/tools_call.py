"""``lamella tools call``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from lamella_cli.completing import complete_sources
from lamella_cli.session import Session, pass_session

__all__ = ["call_tool"]


@click.command("call")
@click.argument("name", shell_complete=complete_sources)
@click.argument("tool")
@click.argument("arguments", metavar="[KEY=VALUE]…", nargs=-1)
@click.option(
    "--json", "json_text", metavar="OBJECT", help="The arguments as a JSON object; KEY=VALUE goes over it."
)
@click.option("--yes", is_flag=True, help="Approve the call, if the tool requires approval.")
@click.option(
    "--save-media", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), default=Path(),
    help="Where images, audio and documents of the result are saved, under new names; the current folder unless "
    "given.",
)  # fmt: skip
@click.option("--no-save-media", is_flag=True, help="Do not save media, only name them.")
@pass_session
def call_tool(
    session: Session,
    name: str,
    tool: str,
    arguments: tuple[str, ...],
    json_text: str | None,
    yes: bool,
    save_media: Path,
    no_save_media: bool,
) -> int:
    """Call a tool, without a model, and print what it returns.

    NAME is a table, an installed source, a module, module:function or a file; TOOL one of its tools. A VALUE is text
    where the tool takes text, JSON (3, true, [1, 2]) otherwise; a KEY that comes more than once makes a list. The
    arguments are checked before the tool runs.

    Text is printed as it is, anything else as JSON. A tool that requires approval asks at the terminal; without
    one, give --yes.
    """
    from lamella_cli.calling import Call, call
    from lamella_cli.tooling import tool_source

    project = session.project
    asked = Call(
        source=name, tool=tool, pairs=arguments, json=json_text, approve="always" if yes else "ask",
        save_media=None if no_save_media else save_media,
    )  # fmt: skip
    output = sys.stdout
    # What plugins and tools print must not get into the result.
    with redirect_stdout(sys.stderr):
        return asyncio.run(call(asked, tool_source(name, project), project, output))
