"""``JSONLStore``: runs as lines of JSON, one event on each."""

from __future__ import annotations

import asyncio
import difflib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from lamella.errors import AgentInputError, ConfigError
from lamella.events import RunStreamEvent
from lamella.serial import restore
from lamella.serial.stored import check_raw_policy
from lamella.specs import RunSummary
from lamella_jsonl._failures import file_failures
from lamella_jsonl._folder import below_project, require_folder
from lamella_jsonl._layout import Layout as Files
from lamella_jsonl._locks import Locks
from lamella_jsonl._rotating import RotatingFiles
from lamella_jsonl._run_files import RunFiles
from lamella_jsonl._writing import Writer, lock_name
from lamella_jsonl.settings import DEFAULT_MAX_BYTES, DEFAULT_PATH, FsyncPolicy, Layout, RawPolicy

__all__ = ["JSONLStore"]

_SHOWN: Final = 5


class JSONLStore:
    """A sink that stores runs as lines of JSON, and a run store that reads them back and lets interrupted ones go on.

    With the layout ``run`` each run is a file, ``{started}-{run_id}.jsonl``; with ``rotating`` runs share files of
    about ``max_bytes``, ``runs-{started}-….jsonl``. Either appears with the first event and grows by whole batches:
    what ``write`` returned for is there after the process was killed, and a batch that fails leaves nothing behind
    and can be written again. Events that are there already are passed over. A run belongs to the store that writes
    its first event until its last one, or the end of the process; any number of runs, stores and processes may
    write in one folder. All file work happens in threads, off the event loop.

    :param path: the folder; a relative one is below the root of the current project.
    :param layout: ``"run"`` or ``"rotating"``.
    :param deltas: whether ``*.delta`` events are stored too (without the providers' payloads).
    :param raw: what is kept of the providers' own payloads: ``"full"``, ``"redacted"``, ``"dropped"``.
    :param fsync: when the disk is waited for: at the ``"end"`` of a run, after each ``"batch"``, at an
        ``"interval"``, ``"never"``. A power cut loses what was written after that; the death of the process nothing.
    :param fsync_seconds: the interval, in seconds.
    :param max_bytes: when a rotating file is followed by the next one.
    :param max_age: the same by age, in seconds.
    :param keep: how many old rotating files are kept, by default all. Runs whose beginning went with one are gone;
        a file with a run that is being written stays.
    :raises ConfigError: a policy that does not exist, a number that is not positive.
    """

    def __init__(
        self,
        path: str | Path = DEFAULT_PATH,
        *,
        layout: Layout = "run",
        deltas: bool = True,
        raw: RawPolicy = "full",
        fsync: FsyncPolicy = "end",
        fsync_seconds: float = 1.0,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_age: float | None = None,
        keep: int | None = None,
    ) -> None:
        _require_choice("layout", layout, get_args(Layout))
        _require_choice("fsync", fsync, get_args(FsyncPolicy))
        for name, value in (("fsync_seconds", fsync_seconds), ("max_bytes", max_bytes), ("max_age", max_age)):
            _require_positive(name, value)
        if keep is not None and keep < 0:
            raise ConfigError(f"JSONLStore: keep is a number of files, got {keep!r}")
        self.path = below_project(Path(path))
        self.layout = layout
        self.deltas = deltas
        self.raw = check_raw_policy(raw, "JSONLStore")
        self.fsync = fsync
        self._locks = Locks(self.path)
        self._files: Files = RunFiles(self.path)
        if layout == "rotating":
            self._files = RotatingFiles(
                self.path, self._locks,
                max_bytes=max_bytes, max_age=max_age, keep=keep,
                durable=fsync != "never", is_running=self._is_running,
            )  # fmt: skip
        self._writer = Writer(
            self.path, self._files, self._locks,
            deltas=deltas, raw=self.raw, fsync=fsync, fsync_seconds=fsync_seconds,
        )  # fmt: skip
        self._opened = 0
        self._mutex = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"JSONLStore({str(self.path)!r}, layout={self.layout!r}, deltas={self.deltas}, raw={self.raw!r}, "
            f"fsync={self.fsync!r})"
        )

    # -- the sink ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Get ready for a run; nothing is written before its first event."""
        with self._mutex:
            self._opened += 1

    async def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Append events to their runs; on return the operating system has them.

        :raises StoreError: nothing of the batch was stored; the code says why. A run that another process writes,
            or that does not go on where it stopped, is a ``store.conflict``.
        :raises AgentSerializationError: an event has no stored form; nothing of the batch was stored.
        """
        await asyncio.to_thread(self._writer.write, batch)

    async def close(self) -> None:
        """A run ended: it was let go of with its last event; with the last run all are, whether they ended or not."""
        with self._mutex:
            last = self._opened <= 1
            claims = self._opened == 0
            self._opened = max(0, self._opened - 1)
        if last:
            await asyncio.to_thread(self._writer.close, claims=claims)

    # -- the store --------------------------------------------------------------------------------

    async def load(self, run_id: str) -> Sequence[RunStreamEvent]:
        """The events of a run, oldest first. A beginning of the id is enough where only one run has it.

        Events and fields of a newer release survive; a last line torn by a crash is passed over and logged.

        :raises AgentInputError: no run, or more than one, has this id.
        :raises StoreError: a file cannot be read, or holds something that is no stored event (``store.corrupt``).
        """
        return await asyncio.to_thread(self._load, run_id)

    async def list(self, *, limit: int | None = None) -> Sequence[RunSummary]:
        """The stored runs, newest first. What a live process is writing is ``running``.

        Only the first and the last line of each run are read, of rotating files without an index all that is new.

        :raises StoreError: the folder cannot be read.
        """
        return await asyncio.to_thread(self._list, limit)

    async def claim(self, run_id: str, *, force: bool = False) -> None:
        """Take over an interrupted run: this store writes it from now on.

        The claim ends with the run's last event, with ``close``, or with the process.

        :param force: although another process seems to be writing it, whose writes fail from now on.
        :raises AgentInputError: there is no such run.
        :raises StoreError: another process, or another store of this one, is writing it (``store.conflict``).
        """
        await asyncio.to_thread(self._claim, run_id, force)

    def _load(self, run_id: str) -> Sequence[RunStreamEvent]:
        with file_failures("read", self.path, run_id):
            return restore(self._files.documents(self._find(run_id)))

    def _list(self, limit: int | None) -> Sequence[RunSummary]:
        with file_failures("read", self.path):
            return self._files.summaries(limit, self._is_running) if require_folder(self.path) else []

    def _claim(self, run_id: str, force: bool) -> None:
        with file_failures("read", self.path, run_id):
            found = self._find(run_id)
        with self._mutex:
            kept = self._opened == 0
        self._writer.claim(found, force=force, kept=kept)

    def _is_running(self, run_id: str) -> bool:
        return self._locks.is_held(lock_name(run_id))

    def _find(self, run_id: str) -> str:
        run_ids = self._files.run_ids() if require_folder(self.path) else []
        if run_id in run_ids:
            return run_id
        found = [each for each in run_ids if run_id and each.startswith(run_id)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(found[:_SHOWN])
            raise AgentInputError(f"{len(found)} runs begin with {run_id!r}: {listed}; give more of the id")
        raise AgentInputError(f"no run {run_id!r} in {self.path}; {_hint(run_id, run_ids)}")


def _hint(run_id: str, run_ids: Sequence[str]) -> str:
    if not run_ids:
        return "nothing is stored there"
    near = difflib.get_close_matches(run_id, run_ids, n=3, cutoff=0.5)
    return f"did you mean {', '.join(near)}?" if near else f"the newest are {', '.join(run_ids[:3])}"


def _require_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ConfigError(f"JSONLStore: {name} must be one of {listed}, got {value!r}")


def _require_positive(name: str, value: float | None) -> None:
    if value is not None and value <= 0:
        raise ConfigError(f"JSONLStore: {name} must be more than 0, got {value!r}")
