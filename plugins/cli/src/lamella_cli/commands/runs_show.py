"""``lamella runs show``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lamella.errors import AgentInputError
from lamella_cli.output import write_json
from lamella_cli.session import Session, pass_session

if TYPE_CHECKING:
    from lamella.events import RunStreamEvent
    from lamella.specs import RunStore

__all__ = ["show_run"]


@click.command("show")
@click.argument("run_id", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON: the result, or with --events the events.")
@click.option("--events", "as_events", is_flag=True, help="The events one by one.")
@pass_session
def show_run(session: Session, run_id: str | None, as_json: bool, as_events: bool) -> None:
    """One run: what was asked, said and done, usage, cost, and how it ended.

    ID is a run's id, or a beginning of one that only one run has; without it the newest run is shown.
    """
    from lamella.fold import fold
    from lamella.serial import to_dict
    from lamella_cli.reports import event_lines, report_lines
    from lamella_cli.storing import open_store

    events = asyncio.run(_load(open_store(session.project), run_id))
    if as_json and as_events:
        write_json([to_dict(envelope) for envelope in events])
    elif as_json:
        write_json(to_dict(fold(events)))
    else:
        for line in event_lines(events) if as_events else report_lines(events):
            click.echo(line)


async def _load(store: RunStore, run_id: str | None) -> Sequence[RunStreamEvent]:
    if run_id is None:
        newest = await store.list(limit=1)
        if not newest:
            raise AgentInputError("no runs are stored yet; lamella run stores each")
        run_id = newest[0].run_id
    events = await store.load(run_id)
    if not events:
        raise AgentInputError(
            f"run {run_id!r} is stored without an event: its process ended before the first one was written"
        )
    return events
