"""``lamella runs export``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

import click

from lamella_cli.loading import Loading
from lamella_cli.output import notice
from lamella_cli.session import Session, pass_session
from lamella_cli.store_options import store_option

if TYPE_CHECKING:
    from lamella.specs import RunStore
    from lamella_cli.exits import Exit

__all__ = ["export_runs"]


@click.command("export")
@click.argument("run_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All runs.")
@click.option(
    "-o", "--output", metavar="FILE|DIR", default="-",
    help="A file for all runs, or a folder that gets a file for each (one that exists, or a name that ends with /).  "
    "[default: standard output]",
)  # fmt: skip
@store_option
@pass_session
def export_runs(
    session: Session, run_ids: tuple[str, ...], every: bool, output: str, store: str | None
) -> int:
    """Runs as lines of JSON, one event a line, whole: lamella runs import stores them elsewhere."""
    from lamella_cli.storing import open_store

    store_of_runs = open_store(session.project, store)
    if output == "-":
        return asyncio.run(_write_all(store_of_runs, run_ids, every, sys.stdout.buffer))
    path = Path(output)
    if output.endswith(("/", os.sep)) or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_write_each(store_of_runs, run_ids, every, path))
    with WholeFile(path) as file:
        ended = asyncio.run(_write_all(store_of_runs, run_ids, every, file))
    notice(f"wrote {output}")
    return ended


async def _write_all(store: RunStore, run_ids: Sequence[str], every: bool, file: BinaryIO) -> Exit:
    from lamella.recordings import export_lines

    reading = Loading(store, run_ids, every)
    async for events in reading.runs():
        file.writelines(export_lines(events))
    file.flush()
    return reading.ended


async def _write_each(store: RunStore, run_ids: Sequence[str], every: bool, folder: Path) -> Exit:
    from lamella.recordings import export_lines

    reading, count = Loading(store, run_ids, every), 0
    async for events in reading.runs():
        with WholeFile(folder / f"{quote(events[0].run_id, safe='')}.jsonl") as file:
            file.writelines(export_lines(events))
        count += 1
    notice(f"wrote {count} {'file' if count == 1 else 'files'} to {folder}")
    return reading.ended


class WholeFile:
    """A file that is there when all of it was written, and not before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")

    def __enter__(self) -> BinaryIO:
        self._file = self._part.open("wb")
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink()
