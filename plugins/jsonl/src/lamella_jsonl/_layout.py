"""``Layout``: which file a run's lines go to, and where they are found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

from lamella.events import RunStreamEvent
from lamella.specs import RunSummary
from lamella_jsonl._log_file import LogFile

__all__ = ["IsRunning", "Layout"]

IsRunning: TypeAlias = Callable[[str], bool]
"""Whether somebody is writing the run of this id."""


class Layout(Protocol):
    """Where lines are. The methods of the first half are called by whoever holds the lock of the run."""

    def begin(self, run_id: str, first: RunStreamEvent | None) -> int | None:
        """Get ready to write a run; return the number of the last event that is there, ``None`` if there is none.

        :param first: what is to be written first, ``None`` for a run that was interrupted.
        """

    def appending(self) -> AbstractContextManager[object]:
        """Held while something is appended and, where it failed, cut back."""

    def file_of(self, run_id: str) -> LogFile:
        """The file to append to; asked anew for each batch."""

    def open_file(self, run_id: str) -> LogFile | None:
        """The file that was appended to last, ``None`` if that is none now."""

    def drop(self) -> None:
        """Something went wrong with what is open: look at it anew before the next batch."""

    def leave(self, run_id: str) -> None:
        """Nothing more is written to a run by this store."""

    def idle(self) -> None:
        """No run is written now."""

    def run_ids(self) -> Sequence[str]:
        """The ids of the stored runs, newest first."""

    def summaries(self, limit: int | None, is_running: IsRunning) -> Sequence[RunSummary]:
        """The stored runs, newest first."""

    def documents(self, run_id: str) -> Sequence[dict[str, Any]]:
        """The documents of a run, oldest first."""
