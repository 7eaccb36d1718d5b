"""Runs read from a store for a command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import click

from lamella.errors import AgentInputError, LamellaError
from lamella_cli.exits import Exit
from lamella_cli.output import error_line

if TYPE_CHECKING:
    from lamella.events import RunStreamEvent
    from lamella.specs import RunStore

__all__ = ["Loading", "load_run"]


async def load_run(store: RunStore, run_id: str | None) -> Sequence[RunStreamEvent]:
    """The events of a run, of the newest without an id.

    :raises AgentInputError: there is no such run, or none of its events.
    """
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


class Loading:
    """The runs that a command is for: those named, or all that have an event, oldest first.

    Of all runs, one that cannot be read is said and passed over, and ``ended`` is the exit code of a failure.

    :raises click.UsageError: neither ids nor all are asked for, or both.
    """

    def __init__(self, store: RunStore, run_ids: Sequence[str], every: bool) -> None:
        if bool(run_ids) == every:
            raise click.UsageError("give the ids of runs, or --all (lamella runs list shows them)")
        self._store = store
        self._run_ids = run_ids
        self._every = every
        self.ended = Exit.OK

    async def runs(self) -> AsyncIterator[Sequence[RunStreamEvent]]:
        """The events of each run."""
        for run_id in await self._all() if self._every else self._run_ids:
            try:
                events = await load_run(self._store, run_id)
            except LamellaError as error:
                if not self._every:
                    raise
                error_line(f"run {run_id} is left out: {error.message}", error.error_code.value)
                self.ended = Exit.FAILED
            else:
                yield events

    async def _all(self) -> Sequence[str]:
        summaries = reversed(await self._store.list())
        return [summary.run_id for summary in summaries if summary.events is None or summary.events > 0]
