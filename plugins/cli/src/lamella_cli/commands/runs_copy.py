"""``lamella runs copy``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from lamella_cli.completing import complete_stores
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import copy_options, store_option

if TYPE_CHECKING:
    from lamella.recordings.copying import OnExists

__all__ = ["copy_stored_runs"]


@click.command("copy")
@click.argument("run_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs.")
@click.option("--to", "target", metavar="NAME", required=True, shell_complete=complete_stores,
              help="The run store that gets the runs, by the name of its sink.")  # fmt: skip
@copy_options
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@store_option
@pass_session
def copy_stored_runs(
    session: Session,
    run_ids: tuple[str, ...],
    every: bool,
    target: str,
    on_exists: OnExists,
    lossy: bool,
    as_json: bool,
    store: str | None,
) -> int:
    """Copy runs to another store, load them there and compare. Exits with 1 where a run did not arrive whole."""
    from lamella.recordings import acopy_runs
    from lamella_cli.copy_reports import show_copies
    from lamella_cli.storing import open_store, store_name

    if bool(run_ids) == every:
        raise click.UsageError("give the ids of runs, or --all (lamella runs list shows them)")
    project = session.project
    if target == (store or store_name(project)):
        raise click.UsageError(f"the runs are in {target!r} already; --store NAME says where they are read")
    source, to = open_store(project, store), open_store(project, target)
    copying = acopy_runs(source, to, None if every else run_ids, on_exists=on_exists, lossy=lossy)
    return show_copies(asyncio.run(copying), as_json=as_json)
