"""The layout ``run``: a file for each run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

from lamella.events import RunStreamEvent, StreamStart
from lamella.specs import RunSummary
from lamella_jsonl._ending import read_ending
from lamella_jsonl._layout import IsRunning
from lamella_jsonl._lines import document_of
from lamella_jsonl._log_file import LogFile
from lamella_jsonl._names import StoredRun, file_name, run_name, stored_runs
from lamella_jsonl._reading import is_terminal, read_documents, summary_of

__all__ = ["RunFiles"]

_ALONE: Final = nullcontext()


class RunFiles:
    """Where the run's own file is, named by its start and its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, Path] = {}
        self._files: dict[str, LogFile] = {}

    def begin(self, run_id: str, first: RunStreamEvent | None) -> int | None:
        """Open the run's file as it stopped. A new one is made when there is something to write."""
        place = self._places[run_id] = self._place(run_id, first)
        if not place.exists():
            return None
        file = self._files[run_id] = LogFile(place)
        seq = None if file.last is None else file.last.get("seq")
        return seq if isinstance(seq, int) else None

    def _place(self, run_id: str, first: RunStreamEvent | None) -> Path:
        start = first.event.started_at if first and isinstance(first.event, StreamStart) else None
        if start is not None:  # its name is known: no need to look through the folder
            return self._folder / file_name(run_id, start)
        found = self._found(run_id)
        return found or self._folder / file_name(run_id, time.time())

    def _found(self, run_id: str) -> Path | None:
        name = run_name(run_id)  # of nothing that a pattern would take for more than itself
        paths = (run.path for run in stored_runs(self._folder, f"*-{name}") if run.run_id == run_id)
        return next(paths, None)

    def appending(self) -> AbstractContextManager[object]:
        """Nothing is shared between runs."""
        return _ALONE

    def file_of(self, run_id: str) -> LogFile:
        """The run's file."""
        file = self._files.get(run_id)
        if file is None or file.gone:
            file = self._files[run_id] = LogFile(self._places[run_id])
        return file

    def open_file(self, run_id: str) -> LogFile | None:
        """The run's file."""
        return self._files.get(run_id)

    def drop(self) -> None:
        """The runs that it went wrong with are left, which is enough."""

    def leave(self, run_id: str) -> None:
        """Forget the run's file."""
        self._files.pop(run_id, None)
        self._places.pop(run_id, None)

    def idle(self) -> None:
        """Nothing is held."""

    # -- reading ----------------------------------------------------------------------------------

    def run_ids(self) -> Sequence[str]:
        """As the names of the files say."""
        return [run.run_id for run in stored_runs(self._folder)]

    def summaries(self, limit: int | None, is_running: IsRunning) -> Sequence[RunSummary]:
        """Only the first and the last line of each file are read."""
        return [_summarized(run, is_running) for run in stored_runs(self._folder)[:limit]]

    def documents(self, run_id: str) -> Sequence[dict[str, Any]]:
        """The whole file."""
        path = self._found(run_id)
        return [] if path is None else read_documents(path)


def _summarized(run: StoredRun, is_running: IsRunning) -> RunSummary:
    head, tail = _ends_of(run)
    running = not is_terminal(tail) and is_running(run.run_id)
    if not running and not is_terminal(tail):
        head, tail = _ends_of(run)  # it may have ended while this was asked
    return summary_of(run.run_id, head, tail, running=running)


def _ends_of(run: StoredRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first and the last document."""
    with run.path.open("rb") as file:
        head = document_of(file.readline()) or {}
        return head, read_ending(file).last or head
