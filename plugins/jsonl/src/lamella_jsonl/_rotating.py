"""The layout ``rotating``: many runs in one file, which is followed by a new one when it is full or old.

A store writes to a file of its own for as long as it writes anything; when it is done, the next store, of this or of
another process, goes on with that file.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import attrs

from lamella.errors import AgentInputError
from lamella.events import RunStreamEvent
from lamella.specs import RunSummary
from lamella_jsonl._contents import Contents, Span, index_path
from lamella_jsonl._layout import IsRunning
from lamella_jsonl._lines import document_of
from lamella_jsonl._locks import Lock, LockedError, Locks
from lamella_jsonl._log_file import LogFile
from lamella_jsonl._names import made_at, rotating_files, rotating_name
from lamella_jsonl._reading import corrupt_at, is_terminal, read_line, read_lines, summary_of

__all__ = ["RotatingFiles"]

_HASTE: Final = 0.0


@attrs.frozen
class _Part:
    """A run's lines in one file."""

    contents: Contents
    span: Span


class RotatingFiles:
    """Where the runs are among the files, and which file is written to."""

    def __init__(
        self,
        folder: Path,
        locks: Locks,
        *,
        max_bytes: int,
        max_age: float | None,
        keep: int | None,
        durable: bool,
        is_running: IsRunning,
    ) -> None:
        self._folder = folder
        self._locks = locks
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._keep = keep
        self._durable = durable
        self._is_running = is_running
        self._known: dict[Path, Contents] = {}
        self._current: LogFile | None = None
        self._lock: Lock | None = None
        self._mutex = threading.RLock()

    # -- writing ----------------------------------------------------------------------------------

    def begin(self, run_id: str, first: RunStreamEvent | None) -> int | None:
        """Look where the run stopped."""
        parts = self._parts(run_id)
        return max((part.span.last_seq for part in parts), default=None)

    def appending(self) -> AbstractContextManager[object]:
        """One batch at a time."""
        return self._mutex

    def file_of(self, run_id: str) -> LogFile:
        """The file that all runs go to now; one that is full or old was followed by another."""
        with self._mutex:
            current, lock = self._current, self._lock
            if lock is not None and (not lock.held() or (current is not None and current.gone)):
                self.drop()
            elif current is not None and not self._has_room(current.path, current.size):
                self._let_go()
            return self._current or self._next_file()

    def open_file(self, run_id: str) -> LogFile | None:
        """The file that all runs go to now."""
        with self._mutex:
            return self._current

    def drop(self) -> None:
        """Let go of the file as it is."""
        with self._mutex:
            lock, self._current, self._lock = self._lock, None, None
            if lock is not None:
                lock.release()

    def leave(self, run_id: str) -> None:
        """The file belongs to the other runs too."""

    def idle(self) -> None:
        """Let go of the file: whoever writes next may go on with it."""
        with self._mutex:
            self._let_go()

    def _has_room(self, path: Path, size: int) -> bool:
        young = self._max_age is None or time.time() - made_at(path) < self._max_age
        return young and size < self._max_bytes

    def _next_file(self) -> LogFile:
        """The newest file that has room and no writer, else a new one."""
        for path in reversed(rotating_files(self._folder)):
            if self._has_room(path, path.stat().st_size) and (file := self._taken(path)) is not None:
                return file
        path = self._folder / rotating_name()
        file = self._taken(path)
        if file is None:
            raise FileExistsError(17, "another store writes a file of this name", str(path))
        self._remove_old()
        return file

    def _taken(self, path: Path) -> LogFile | None:
        try:
            lock = self._locks.take(f"file {path.name}", patience=_HASTE)
        except LockedError:
            return None
        try:
            file = LogFile(path)
        except BaseException:
            lock.release()
            raise
        self._lock, self._current = lock, file
        return file

    def _let_go(self) -> None:
        file, lock = self._current, self._lock
        self._current = self._lock = None
        try:
            if file is not None and file.path.exists():
                if self._durable and file.unsynced:
                    file.sync()
                self._contents(file.path).write_index()
        finally:
            if lock is not None:
                lock.release()

    def _remove_old(self) -> None:
        if self._keep is None:
            return
        old = [path for path in rotating_files(self._folder) if not self._locks.is_held(f"file {path.name}")]
        for path in old[: max(0, len(old) - self._keep)]:
            if any(self._is_running(run_id) for run_id in self._contents(path).runs):
                continue  # the next time
            for unwanted in (path, index_path(path), path.with_name(f"{path.name}.torn")):
                unwanted.unlink(missing_ok=True)
            self._known.pop(path, None)

    # -- reading ----------------------------------------------------------------------------------

    def run_ids(self) -> Sequence[str]:
        """Newest first."""
        return [run_id for run_id, _ in self._newest_first()]

    def summaries(self, limit: int | None, is_running: IsRunning) -> Sequence[RunSummary]:
        """The first and the last line of each run are read, of files without an index all that is new."""
        found = [_summarized(run_id, parts, is_running) for run_id, parts in self._newest_first()[:limit]]
        if all(summary.status != "interrupted" for summary in found):
            return found
        now = dict(self._newest_first())  # some may have ended while it was asked who writes them
        return [
            _summarized(summary.run_id, now[summary.run_id], lambda _: False)
            if summary.status == "interrupted" and summary.run_id in now
            else summary
            for summary in found
        ]

    def documents(self, run_id: str) -> Sequence[dict[str, Any]]:
        """What the run has in each file, in the order of its events."""
        parts = self._parts(run_id)
        if parts and parts[0].span.first_seq > 0:
            raise AgentInputError(
                f"the beginning of run {run_id!r} was in a file of {self._folder} that is gone "
                f"(keep = {self._keep}); keep more files to have whole runs"
            )
        found: dict[int, dict[str, Any]] = {}
        for part in parts:
            for document in _lines_of(run_id, part):
                found.setdefault(int(document["seq"]), document)
        return [found[seq] for seq in sorted(found)]

    def _newest_first(self) -> list[tuple[str, list[_Part]]]:
        runs: dict[str, list[_Part]] = {}
        for contents in self._all():
            for run_id, span in contents.runs.items():
                runs.setdefault(run_id, []).append(_Part(contents, span))
        for parts in runs.values():
            parts.sort(key=_first_seq)
        whole = [item for item in runs.items() if item[1][0].span.first_seq == 0]
        return sorted(whole, key=_started, reverse=True)

    def _parts(self, run_id: str) -> list[_Part]:
        parts = [_Part(each, each.runs[run_id]) for each in self._all() if run_id in each.runs]
        return sorted(parts, key=_first_seq)

    def _all(self) -> list[Contents]:
        return [self._contents(path) for path in rotating_files(self._folder)]

    def _contents(self, path: Path) -> Contents:
        with self._mutex:
            known = self._known.get(path)
            if known is None:
                known = self._known[path] = Contents.of(path)
            else:
                known.update()
            return known


def _first_seq(part: _Part) -> int:
    return part.span.first_seq


def _started(item: tuple[str, list[_Part]]) -> tuple[float, str, int]:
    first = item[1][0]
    return first.span.started or 0.0, first.contents.path.name, first.span.first_offset


def _summarized(run_id: str, parts: Sequence[_Part], is_running: IsRunning) -> RunSummary:
    first, last = parts[0], max(parts, key=lambda part: part.span.last_seq)
    head = read_line(first.contents.path, first.span.first_offset) or {}
    tail = read_line(last.contents.path, last.span.last_offset) or {}
    running = not is_terminal(tail) and is_running(run_id)
    return summary_of(run_id, head, tail, running=running)


def _lines_of(run_id: str, part: _Part) -> Iterator[dict[str, Any]]:
    """The documents of a run in one file. Lines of other runs are passed over unread."""
    path, span = part.contents.path, part.span
    if part.contents.damaged is not None:
        raise corrupt_at(path, part.contents.damaged)  # nobody knows whose line that was
    name = json.dumps(run_id).encode() if run_id.isascii() and run_id.isalnum() else b""
    end = part.contents.size
    for offset, line in read_lines(path, span.first_offset, end):
        if name in line:
            document = document_of(line)
            if document is None:
                raise corrupt_at(path, offset)
            if document.get("run_id") == run_id:
                yield document
        if offset >= span.last_offset:
            return
