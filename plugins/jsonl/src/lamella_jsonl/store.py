"""``JSONLStore``: one file for each run, one event on each line."""

from __future__ import annotations

import asyncio
import difflib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from lamella.errors import AgentInputError, ConfigError
from lamella.events import RunStreamEvent, StreamEnd, StreamError, StreamStart
from lamella.serial import restore
from lamella.specs import RunSummary
from lamella_jsonl._names import StoredRun, file_name, stored_runs
from lamella_jsonl._reading import read_lines, summarize
from lamella_jsonl._writing import RunFile, encode_line
from lamella_jsonl.settings import DEFAULT_PATH, FsyncPolicy, RawPolicy

__all__ = ["JSONLStore"]


class JSONLStore:
    """A sink that stores runs as files of JSON lines, and a run store that reads them back.

    A run's file, ``{started}-{run_id}.jsonl``, appears with its first event and grows by whole batches:
    after a crash it holds every batch that was written, and at most its last line is torn. One store may
    serve any number of runs at once. All file work happens in threads, off the event loop.

    :param path: the folder; a relative one is below the root of the current project.
    :param deltas: whether ``*.delta`` events are stored too (without the providers' payloads).
    :param raw: ``"dropped"`` leaves the providers' own payloads out.
    :param fsync: when the disk is waited for: at the ``"end"`` of a run, after each ``"batch"``, ``"never"``.
    :raises ConfigError: a policy that does not exist.
    """

    def __init__(
        self,
        path: str | Path = DEFAULT_PATH,
        *,
        deltas: bool = True,
        raw: RawPolicy = "full",
        fsync: FsyncPolicy = "end",
    ) -> None:
        _require_choice("raw", raw, get_args(RawPolicy))
        _require_choice("fsync", fsync, get_args(FsyncPolicy))
        self.path = _below_project(Path(path))
        self._deltas = deltas
        self._raw = raw
        self._fsync = fsync
        self._files: dict[str, RunFile] = {}
        self._opened = 0
        self._lock = threading.Lock()  # several runs write from several threads

    def __repr__(self) -> str:
        return (
            f"JSONLStore({str(self.path)!r}, deltas={self._deltas}, raw={self._raw!r}, fsync={self._fsync!r})"
        )

    # -- the sink ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Get ready for a run; nothing is written before its first event."""
        with self._lock:
            self._opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Append events to the files of their runs; on return the operating system has them."""
        await asyncio.to_thread(self._write, batch)

    async def close(self) -> None:
        """A run ended: its file is closed with its last event; with the last run all files are."""
        await asyncio.to_thread(self._close)

    def _write(self, batch: Sequence[RunStreamEvent]) -> None:
        runs: dict[str, list[RunStreamEvent]] = {}
        for envelope in batch:
            if self._deltas or envelope.event.durable:
                runs.setdefault(envelope.run_id, []).append(envelope)
        for run_id, envelopes in runs.items():
            self._append(run_id, envelopes)

    def _append(self, run_id: str, envelopes: Sequence[RunStreamEvent]) -> None:
        lines = [encode_line(envelope, self._raw) for envelope in envelopes]
        ended = isinstance(envelopes[-1].event, StreamEnd | StreamError)
        with self._lock:
            file = self._files.get(run_id)
            if file is None:
                file = self._files[run_id] = self._open_file(envelopes[0])
        file.append(lines)
        if self._fsync == "batch" or (ended and self._fsync == "end"):
            file.sync()
        if ended:
            with self._lock:
                self._files.pop(run_id, None)
            file.close()

    def _open_file(self, first: RunStreamEvent) -> RunFile:
        _make_folder(self.path)
        if first.seq > 0:
            for run in stored_runs(self.path):
                if run.run_id == first.run_id:
                    return RunFile(run.path)
        start = first.event.started_at if isinstance(first.event, StreamStart) else None
        return RunFile(self.path / file_name(first.run_id, time.time() if start is None else start))

    def _close(self) -> None:
        with self._lock:
            self._opened = max(0, self._opened - 1)
            left = [] if self._opened > 0 else list(self._files.values())
            if left:
                self._files.clear()
        for file in left:
            if self._fsync != "never":
                file.sync()
            file.close()

    # -- the store --------------------------------------------------------------------------------

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        """The events of a run, oldest first. A beginning of the id is enough where only one run has it.

        Events and fields of a newer release survive; a last line torn by a crash is dropped and logged.

        :raises AgentInputError: no run, or more than one, has this id.
        :raises AgentSerializationError: the file holds something that is no stored event.
        """
        return await asyncio.to_thread(self._load, run_id)

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        """The stored runs, newest first; only the first and the last line of each file are read."""
        return await asyncio.to_thread(self._list, limit)

    def _load(self, run_id: str) -> Sequence[RunStreamEvent]:
        return restore(read_lines(self._find(run_id).path))

    def _list(self, limit: int | None) -> Sequence[RunSummary]:
        return [summarize(run) for run in stored_runs(self.path)[:limit]]

    def _find(self, run_id: str) -> StoredRun:
        runs = stored_runs(self.path)
        exact = [run for run in runs if run.run_id == run_id]
        found = exact or [run for run in runs if run_id and run.run_id.startswith(run_id)]
        if len(found) == 1 or exact:
            return found[0]
        if found:
            listed = ", ".join(run.run_id for run in found[:5])
            raise AgentInputError(f"{len(found)} runs begin with {run_id!r}: {listed}; give more of the id")
        raise AgentInputError(f"no run {run_id!r} in {self.path}; {_hint(run_id, runs)}")


def _hint(run_id: str, runs: list[StoredRun]) -> str:
    if not runs:
        return "nothing is stored there"
    ids = [run.run_id for run in runs]
    near = difflib.get_close_matches(run_id, ids, n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else f"the newest are {', '.join(ids[:3])}"


def _require_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ConfigError(f"JSONLStore: {name} must be one of {listed}, got {value!r}")


def _below_project(path: Path) -> Path:
    path = path.expanduser()
    if path.is_absolute():
        return path
    from lamella.config import current_project

    return (current_project().root or Path.cwd()) / path


def _make_folder(folder: Path) -> None:
    """Make the folder; below a fresh ``.lamella`` git is told to leave what is stored alone."""
    state = folder.parent
    fresh = state.name == ".lamella" and not state.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        (state / ".gitignore").write_text("*\n", encoding="utf-8")
