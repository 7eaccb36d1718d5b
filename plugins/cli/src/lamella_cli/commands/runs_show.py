"""``lamella runs show``."""

from __future__ import annotations

import asyncio

import click

from lamella_cli.output import write_json
from lamella_cli.session import Session, pass_session

__all__ = ["show_run"]


@click.command("show")
@click.argument("run_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As JSON: the result, or with --events the events.")
@click.option("--events", "as_events", is_flag=True, help="The events one by one.")
@pass_session
def show_run(session: Session, run_id: str, as_json: bool, as_events: bool) -> None:
    """One run: what was asked, said and done, usage, cost, and how it ended.

    ID is a run's id, or a beginning of one that only one run has.
    """
    from lamella.fold import fold
    from lamella.serial import to_dict
    from lamella_cli.reports import event_lines, report_lines
    from lamella_cli.storing import open_store

    events = asyncio.run(open_store(session.project).load(run_id))
    if as_json and as_events:
        write_json([to_dict(envelope) for envelope in events])
    elif as_json:
        write_json(to_dict(fold(events)))
    else:
        for line in event_lines(events) if as_events else report_lines(events):
            click.echo(line)
