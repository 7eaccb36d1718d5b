"""``lamella run``: ask a model, with tools, and show the run while it happens."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import click

from lamella_cli.approving import ApprovalMode
from lamella_cli.session import Session, pass_session

__all__ = ["run"]


@click.command(
    epilog=(
        "Without -m the model is the project's; without one, that of the first installed provider whose key "
        "is in the environment; without a key, the offline simulator sim:demo."
    ),
)
@click.argument("prompt", nargs=-1)
@click.option("-m", "--model", metavar="MODEL", help="The model, as provider:model (openai:gpt-5-nano).")
@click.option(
    "-t", "--tools", multiple=True, metavar="TOOLS",
    help="Tools the model may call: a table of [tool.lamella.tools], a module, module:function, or "
    "path/to/file.py[:function]. May be repeated.",
)  # fmt: skip
@click.option("--system", metavar="TEXT", help="The system instruction.")
@click.option(
    "--image", "images", multiple=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An image to send with the prompt. May be repeated; needs lamella-image.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print each event as one line of JSON, and nothing else."
)
@click.option("--max-iterations", type=click.IntRange(min=1), default=20, show_default=True,
              help="How often the model may be called.")  # fmt: skip
@click.option("--no-store", is_flag=True, help="Do not store the run.")
@click.option(
    "--approve", type=click.Choice(["ask", "always", "never"]), default="ask", show_default=True,
    help="Who approves calls of tools that require it.",
)  # fmt: skip
@pass_session
def run(
    session: Session,
    prompt: tuple[str, ...],
    model: str | None,
    tools: tuple[str, ...],
    system: str | None,
    images: tuple[Path, ...],
    as_json: bool,
    max_iterations: int,
    no_store: bool,
    approve: ApprovalMode,
) -> int:
    """Ask a model and show the run while it happens.

    PROMPT is the question. Text that is piped in follows it; with "-" or without PROMPT the piped text is
    the prompt.

    In a terminal everything is shown in one place. Otherwise standard output gets the answer alone, and tool
    calls, reasoning, tokens and cost go to standard error.
    """
    from lamella_cli.asking import Asked, ask, plan

    asked = Asked(
        prompt=prompt, model=model, tools=tools, system=system, images=images, as_json=as_json,
        max_iterations=max_iterations, store=not no_store, approve=approve,
    )  # fmt: skip
    output = sys.stdout
    # What plugins and tools print must not get between the lines of JSON.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        return asyncio.run(ask(plan(session, asked, output), asked))
