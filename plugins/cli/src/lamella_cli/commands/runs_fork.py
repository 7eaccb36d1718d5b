"""``lamella runs fork``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING

import click

from lamella_cli.agent_options import agent_options
from lamella_cli.approving import ApprovalMode
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.models import Plan
    from lamella.recordings import Recording
    from lamella_cli.asking import Asked, Planned

__all__ = ["fork_run"]


@click.command("fork")
@click.argument("run_id", metavar="[ID]", required=False)
@click.option(
    "--at", type=click.IntRange(min=1), metavar="SEQ",
    help="The number of the first event that is made anew (lamella runs show ID --events).  [default: the beginning of "
    "the last response; of a run that did not end well, its end]",
)  # fmt: skip
@click.option("-m", "--model", metavar="MODEL", help="The model from there on, as provider:model.")
@agent_options
@click.option("--strict", is_flag=True, help="Refuse a model to which the conversation does not move whole.")
@click.option(
    "--approve", type=click.Choice(["ask", "always", "never"]), default="ask", show_default=True,
    help="Who approves calls of tools that require it, as in lamella run.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print each event as one line of JSON, and nothing else."
)
@store_option
@pass_session
def fork_run(
    session: Session,
    run_id: str | None,
    at: int | None,
    model: str | None,
    agent: str | None,
    tools: tuple[str, ...],
    system: str | None,
    strict: bool,
    approve: ApprovalMode,
    as_json: bool,
    store: str | None,
) -> int:
    """Begin like a stored run, and go another way from one of its events on: with another model, or once more.

    What stands before costs nothing. What the history loses on its way to another model is said first.

    ID is a run's id, or a beginning of one that only one run has; without it the newest run.
    """
    from lamella_cli.going_on import Again, read_recording, set_up

    again = Again(agent=agent, model=model, tools=tools, system=system, approve=approve, as_json=as_json)
    output = sys.stdout
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        recording = asyncio.run(read_recording(session.project, run_id, store))
        planned, asked = set_up(session, recording, again, store, output)
        return asyncio.run(_fork(planned, asked, recording, at, strict))


async def _fork(planned: Planned, asked: Asked, recording: Recording, at: int | None, strict: bool) -> int:
    import attrs

    from lamella_cli.asking import ready_model, show
    from lamella_cli.output import notice

    async with ready_model(planned.agent, planned.project) as model:
        agent = attrs.evolve(planned.agent, model=model, transplant="strict" if strict else "degrade")
        for line in _report(recording.transplant(model, at=at, agent=agent)):
            notice(line)
        return await show(agent, lambda made: recording.fork_astream(made, at=at), planned, asked)


def _report(plan: Plan) -> list[str]:
    """What becomes of the history, a line for each entry that is not as it was."""
    changed = [entry for entry in plan.entries if entry.status != "native" and entry.message is not None]
    return [
        f"on {plan.provider}:{plan.model} message {entry.message}, {entry.what}: {entry.status}: {entry.reason}"
        for entry in changed
    ]
