"""``lamella runs resume``."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING

import click

from lamella_cli.agent_options import agent_options
from lamella_cli.approving import ApprovalMode
from lamella_cli.exits import Exit
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.recordings import Recording
    from lamella_cli.asking import Asked, Planned

__all__ = ["resume_run"]


@click.command("resume")
@click.argument("run_id", metavar="[ID]", required=False)
@agent_options
@click.option("--force", is_flag=True,
              help="Even if the agent asks for something else now, or another process seems to be writing the run.")  # fmt: skip
@click.option(
    "--approve", type=click.Choice(["ask", "always", "never"]), default="ask", show_default=True,
    help="Who approves calls of tools that require it, as in lamella run.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print each new event as one line of JSON, and nothing else."
)
@store_option
@pass_session
def resume_run(
    session: Session,
    run_id: str | None,
    agent: str | None,
    tools: tuple[str, ...],
    system: str | None,
    force: bool,
    approve: ApprovalMode,
    as_json: bool,
    store: str | None,
) -> int:
    """Go on with a run whose process was interrupted, from its last event.

    No answer of a model that is there is asked for again, and no call of a tool that has an outcome is made again. A
    call that was running is called again only if its tool is idempotent; otherwise the model is told.

    ID is a run's id, or a beginning of one that only one run has; without it the newest run that was interrupted.
    """
    from lamella_cli.going_on import Again, newest_interrupted, read_recording, set_up
    from lamella_cli.output import notice

    again = Again(agent=agent, tools=tools, system=system, approve=approve, as_json=as_json)
    output = sys.stdout
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        run_id = run_id or asyncio.run(newest_interrupted(session.project, store))
        if run_id is None:
            notice("no stored run is interrupted: there is nothing to go on with")
            return Exit.OK
        recording = asyncio.run(read_recording(session.project, run_id, store))
        planned, asked = set_up(session, recording, again, store, output)
        return asyncio.run(_resume(planned, asked, recording, force))


async def _resume(planned: Planned, asked: Asked, recording: Recording, force: bool) -> int:
    import attrs

    from lamella_cli.asking import ready_model, show

    async with ready_model(planned.agent, planned.project) as model:
        agent = attrs.evolve(planned.agent, model=model)
        return await show(agent, lambda made: recording.resume_astream(made, force=force), planned, asked)
