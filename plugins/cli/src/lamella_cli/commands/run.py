"""``lamella run``: ask a model, with tools, and show the run while it happens."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import click

from lamella_cli.approving import ApprovalMode
from lamella_cli.completing import complete_agents, complete_sources
from lamella_cli.media_options import Given, MediaCommand, media_options
from lamella_cli.session import Session, pass_session

__all__ = ["run"]


@click.command(
    cls=MediaCommand,
    epilog=(
        "Without -m the model is the project's; without one, that of the first installed provider whose key "
        "is in the environment; without a key, the offline simulator sim:demo."
    ),
)
@click.argument("prompt", nargs=-1)
@click.option("-m", "--model", metavar="MODEL", help="The model, as provider:model (openai:gpt-5-nano).")
@click.option(
    "--agent", metavar="NAME", shell_complete=complete_agents,
    help="The agent to run: a table of [tool.lamella.agents], or one that a plugin registered. The other options go "
    "over what it says; -t adds to its tools.",
)  # fmt: skip
@click.option(
    "-t", "--tools", multiple=True, metavar="TOOLS", shell_complete=complete_sources,
    help="Tools the model may call: a table of [tool.lamella.tools], an installed tool source, a module, "
    "module:function, or path/to/file.py[:function]. May be repeated.",
)  # fmt: skip
@click.option("--system", metavar="TEXT", help="The system instruction.")
@media_options
@click.option("--downscale", is_flag=True,
              help="Bring images to the limits of the model before they are sent; says which.")  # fmt: skip
@click.option(
    "--save-media", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Where images, audio and documents that the model makes are saved, under new names; the current folder "
    "unless given, with --json nowhere.",
)  # fmt: skip
@click.option("--no-save-media", is_flag=True, help="Do not save what the model makes.")
@click.option("--show-images/--no-show-images", default=None,
              help="Draw images in any terminal, or in none; unless given, in one that says that it can.")  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print each event as one line of JSON, and nothing else."
)
@click.option("--max-iterations", type=click.IntRange(min=1), metavar="N", default=None,
              help="How often the model may be called.  [default: 20, or what the agent says]")  # fmt: skip
@click.option("--no-store", is_flag=True, help="Do not store the run.")
@click.option(
    "--approve", type=click.Choice(["ask", "always", "never"]), default="ask", show_default=True,
    help="Who approves calls of tools that require it: whoever is at the terminal (without one they are denied), "
    "everybody, or nobody.",
)  # fmt: skip
@pass_session
def run(
    session: Session,
    prompt: tuple[str, ...],
    model: str | None,
    agent: str | None,
    tools: tuple[str, ...],
    system: str | None,
    media: tuple[Given, ...],
    downscale: bool,
    save_media: Path | None,
    no_save_media: bool,
    show_images: bool | None,
    as_json: bool,
    max_iterations: int,
    no_store: bool,
    approve: ApprovalMode,
) -> int:
    """Ask a model and show the run while it happens.

    PROMPT is the question. Text that is piped in follows it; with "-" or without PROMPT the piped text is
    the prompt. Media are sent in the order given.

    In a terminal everything is shown in one place. Otherwise standard output gets the answer alone, and tool
    calls, reasoning, tokens and cost go to standard error.
    """
    from lamella_cli.asking import Asked, ask, plan

    if no_save_media and save_media is not None:
        raise click.UsageError("--save-media and --no-save-media: give one of them")
    if save_media is None and not no_save_media and not as_json:
        save_media = Path()
    asked = Asked(
        prompt=prompt, model=model, agent=agent, tools=tools, system=system, media=media, downscale=downscale,
        save_media=save_media, show_images=show_images, as_json=as_json, max_iterations=max_iterations,
        store=not no_store, approve=approve,
    )  # fmt: skip
    output = sys.stdout
    # What plugins and tools print must not get between the lines of JSON.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        return asyncio.run(ask(plan(session, asked, output), asked))
