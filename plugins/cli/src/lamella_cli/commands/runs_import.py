"""``lamella runs import``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lamella_cli.output import notice
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import copy_options, store_option

if TYPE_CHECKING:
    from lamella.events import RunStreamEvent
    from lamella.recordings.copying import OnExists

__all__ = ["import_runs"]


@click.command("import")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)  # fmt: skip
@copy_options
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@store_option
@pass_session
def import_runs(
    session: Session,
    files: Sequence[Path],
    on_exists: OnExists,
    lossy: bool,
    as_json: bool,
    store: str | None,
) -> int:
    """Store runs that were exported as lines of JSON, and compare what arrived. "-" is standard input."""
    from lamella.recordings.copying import astore_runs
    from lamella_cli.copy_reports import show_copies
    from lamella_cli.storing import open_store

    storing = astore_runs(_runs(files), open_store(session.project, store), on_exists=on_exists, lossy=lossy)
    return show_copies(asyncio.run(storing), as_json=as_json)


def _runs(files: Sequence[Path]) -> Iterator[tuple[RunStreamEvent, ...]]:
    for path in files:
        yield from _runs_of(path)


def _runs_of(path: Path) -> Iterator[tuple[RunStreamEvent, ...]]:
    from lamella.errors import AgentSerializationError
    from lamella.recordings import TornLine, read_runs

    def torn(line: TornLine) -> None:
        notice(f"{path}: line {line.line}, the last one, is cut short ({line.length} bytes) and is left out")

    with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as file:
        try:
            yield from read_runs(file, on_torn=torn)
        except AgentSerializationError as error:
            raise AgentSerializationError(
                f"{path}: {error.message}", cause=error, context=error.context
            ) from error
