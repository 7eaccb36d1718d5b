"""``Writer``: batches of events to the files of their runs, all or nothing."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lamella.errors import StoreError
from lamella.events import RunStreamEvent, StreamEnd, StreamError
from lamella_jsonl._failures import conflict, failure_of, file_failures
from lamella_jsonl._folder import make_folder
from lamella_jsonl._layout import Layout
from lamella_jsonl._lines import encode_line
from lamella_jsonl._locks import Lock, LockedError, Locks
from lamella_jsonl._log_file import LogFile
from lamella_jsonl.settings import FsyncPolicy, RawPolicy

__all__ = ["Writer", "lock_name"]

_log = logging.getLogger(__name__)

_TERMINAL: Final = (StreamEnd, StreamError)


def lock_name(run_id: str) -> str:
    """The name of a run's lock."""
    return f"run {run_id}"


class _OpenRun:
    """A run that this store writes, from its first event to its last."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.mutex = threading.Lock()
        self.lock: Lock | None = None
        self.last_seq: int | None = None
        self.failed_at: int | None = None
        """The number of the first event of a batch that could not be written: the next one must begin there."""

        self.untouched = True
        """Nothing was written since it was opened."""

        self.claimed = False
        """Opened by a claim that no open of the store stands behind, and still untouched."""

        self.over = False


class Writer:
    """The half of the store that writes. Its methods block, and may be called from several threads."""

    def __init__(
        self,
        folder: Path,
        layout: Layout,
        locks: Locks,
        *,
        deltas: bool,
        raw: RawPolicy,
        fsync: FsyncPolicy,
        fsync_seconds: float,
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._locks = locks
        self._deltas = deltas
        self._raw = raw
        self._fsync = fsync
        self._fsync_seconds = fsync_seconds
        self._runs: dict[str, _OpenRun] = {}
        self._mutex = threading.Lock()  # of the dict; each run has its own
        self._timer: threading.Timer | None = None
        self._late: StoreError | None = None

    # -- writing ----------------------------------------------------------------------------------

    def write(self, batch: Sequence[RunStreamEvent]) -> None:
        """Append a batch; on return the operating system has it, or, if this raises, nothing of it is there."""
        self._raise_late()
        parts: dict[str, list[RunStreamEvent]] = {}
        for envelope in batch:
            if self._deltas or envelope.event.durable:
                parts.setdefault(envelope.run_id, []).append(envelope)
        if not parts:
            return
        runs: list[_OpenRun] = []
        try:
            # In the order of their ids, so that two batches never wait for each other.
            runs.extend(self._enter(run_id) for run_id in sorted(parts))
            self._write(runs, parts)
        except OSError as error:
            raise failure_of(error, "write", self._folder, next(iter(parts))) from error
        finally:
            for run in runs:
                self._exit(run)

    def _write(self, runs: Sequence[_OpenRun], parts: dict[str, list[RunStreamEvent]]) -> None:
        for run in runs:
            self._begin(run, parts[run.run_id][0])
        fresh = {run.run_id: self._fresh(run, parts[run.run_id]) for run in runs}
        self._append(runs, fresh)
        for run in runs:
            if isinstance(parts[run.run_id][-1].event, _TERMINAL):
                self._leave(run)

    def _append(self, runs: Sequence[_OpenRun], parts: dict[str, list[RunStreamEvent]]) -> None:
        with self._layout.appending(), self._locks.writing():
            for run in runs:
                self._require_ours(run)
            before: dict[LogFile, int] = {}
            try:
                files = {run.run_id: self._layout.file_of(run.run_id) for run in runs}
                before = {file: file.size for file in files.values()}
                for run_id, file in files.items():
                    if part := parts[run_id]:
                        file.append(piece for envelope in part for piece in encode_line(envelope, self._raw))
                self._sync(before, ended=any(_ends(part) for part in parts.values()))
            except BaseException:
                self._cut_back(runs, parts, before)
                raise
        for run in runs:
            run.untouched, run.claimed, run.failed_at = False, False, None
            if part := parts[run.run_id]:
                run.last_seq = part[-1].seq

    def _cut_back(
        self, runs: Sequence[_OpenRun], parts: dict[str, list[RunStreamEvent]], before: dict[LogFile, int]
    ) -> None:
        for run in runs:
            if part := parts[run.run_id]:
                run.failed_at = part[0].seq
        try:
            for file, size in before.items():
                file.cut_back(size)
        except OSError as error:
            _log.warning(
                "jsonl store: what a failed batch left could not be cut off: %s; it is when the run goes on",
                error,
            )
            for run in runs:  # opened anew, its file is looked at and repaired
                self._leave(run)
            self._layout.drop()

    def _fresh(self, run: _OpenRun, part: list[RunStreamEvent]) -> list[RunStreamEvent]:
        """What is not stored yet."""
        following = 0 if run.last_seq is None else run.last_seq + 1
        expected = run.failed_at if run.failed_at is not None else following
        # Between the batches of a stream only what a busy host shed is missing, or what a copied store left out.
        strict = run.failed_at is not None or run.untouched
        if self._deltas and strict and part[0].seq > expected:
            raise conflict(
                f"run {run.run_id} goes on with event {part[0].seq}, but event {expected} is to be written next; "
                "write the events in order, beginning there",
                self._folder, run.run_id,
            )  # fmt: skip
        return [envelope for envelope in part if envelope.seq >= following]

    def _require_ours(self, run: _OpenRun) -> None:
        if run.lock is not None and not run.lock.held():
            if not self._folder.is_dir():
                raise FileNotFoundError(errno.ENOENT, "the folder was removed", str(self._folder))
            self._leave(run)
            raise conflict(
                f"run {run.run_id} no longer belongs to this process: another one has taken it over, or its folder was "
                "removed; what follows is not stored here",
                self._folder, run.run_id,
            )  # fmt: skip

    # -- runs -------------------------------------------------------------------------------------

    def claim(self, run_id: str, *, force: bool, kept: bool) -> None:
        """Take over an interrupted run; see ``ClaimingStore.claim``.

        :param kept: the claim outlives the end of other runs: nobody has opened the store for it yet.
        """
        with file_failures("claim a run in", self._folder, run_id), self._entered(run_id) as run:
            if run.lock is not None and run.lock.held():
                return
            if run.lock is not None:
                self._layout.leave(run_id)
                run.lock.release()
                run.lock = None
            self._begin(run, None, force=force)
            run.claimed = kept

    def close(self, *, claims: bool) -> None:
        """Let go of all runs.

        :param claims: of those too that were claimed and not written since.
        """
        with self._mutex:
            run_ids = list(self._runs)
        for run_id in run_ids:
            self._close_run(run_id, claims)
        with self._mutex:
            idle = not self._runs
            if idle and self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if idle:
            with file_failures("close", self._folder), self._layout.appending():
                self._layout.idle()
            self._locks.idle()
        self._raise_late()

    def _close_run(self, run_id: str, claims: bool) -> None:
        with self._entered(run_id) as run:
            if run.lock is None or (run.claimed and not claims):
                return
            self._sync_run(run)
            with file_failures("close", self._folder, run_id):
                self._leave(run)

    def _sync_run(self, run: _OpenRun) -> None:
        """Sync the file of a run; a failure is told to the next who writes or closes."""
        try:
            with file_failures("sync", self._folder, run.run_id), self._layout.appending():
                file = self._layout.open_file(run.run_id)
                if self._fsync != "never" and file is not None and file.unsynced:
                    file.sync()
        except StoreError as error:
            self._late = error

    @contextmanager
    def _entered(self, run_id: str) -> Iterator[_OpenRun]:
        """The run, for one thread at a time; one that could not be begun is forgotten."""
        run = self._enter(run_id)
        try:
            yield run
        finally:
            self._exit(run)

    def _enter(self, run_id: str) -> _OpenRun:
        while True:
            with self._mutex:
                run = self._runs.get(run_id)
                if run is None:
                    run = self._runs[run_id] = _OpenRun(run_id)
            run.mutex.acquire()
            if not run.over:
                return run
            run.mutex.release()

    def _exit(self, run: _OpenRun) -> None:
        if run.lock is None:
            self._forget(run)
        run.mutex.release()

    def _begin(self, run: _OpenRun, first: RunStreamEvent | None, *, force: bool = False) -> None:
        if run.lock is not None:
            return
        make_folder(self._folder, durable=self._fsync != "never")
        lock = self._taken(run.run_id, force)
        try:
            last = self._layout.begin(run.run_id, first)
        except BaseException:
            lock.release()
            raise
        run.lock, run.last_seq, run.untouched = lock, last, True

    def _taken(self, run_id: str, force: bool) -> Lock:
        name = lock_name(run_id)
        try:
            return self._locks.take_by_force(name) if force else self._locks.take(name)
        except LockedError as error:
            advice = "end that process" if force else "wait until it ends, or claim the run by force"
            raise conflict(
                f"run {run_id} is being written by {error.holder}; {advice}", self._folder, run_id
            ) from error

    def _leave(self, run: _OpenRun) -> None:
        self._layout.leave(run.run_id)
        if run.lock is not None:
            run.lock.release()
            run.lock = None
        self._forget(run)

    def _forget(self, run: _OpenRun) -> None:
        run.over = True
        with self._mutex:
            if self._runs.get(run.run_id) is run:
                del self._runs[run.run_id]

    # -- the disk ---------------------------------------------------------------------------------

    def _sync(self, files: dict[LogFile, int], *, ended: bool) -> None:
        if self._fsync == "never":
            return
        if self._fsync == "batch" or ended:
            for file in files:
                if file.unsynced:
                    file.sync()
        elif self._fsync == "interval":
            self._sync_later()

    def _sync_later(self) -> None:
        with self._mutex:
            if self._timer is None:
                self._timer = threading.Timer(self._fsync_seconds, self._sync_due)
                self._timer.daemon = True
                self._timer.start()

    def _sync_due(self) -> None:
        with self._mutex:
            self._timer = None
            run_ids = list(self._runs)
        for run_id in run_ids:
            with self._entered(run_id) as run:
                if run.lock is not None:
                    self._sync_run(run)

    def _raise_late(self) -> None:
        if (error := self._late) is not None:
            self._late = None
            raise error


def _ends(part: Sequence[RunStreamEvent]) -> bool:
    return bool(part) and isinstance(part[-1].event, _TERMINAL)
