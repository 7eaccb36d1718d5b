"""What is in a file of many runs: where each begins and ends, found by reading it once, or in its index."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from lamella_jsonl._lines import LINE_HEAD, document_of
from lamella_jsonl._reading import read_lines, started_at

__all__ = ["Contents", "Span", "index_path"]

_log = logging.getLogger(__name__)

_HEAD: Final = re.compile(LINE_HEAD)
_WORTHWHILE: Final = 1 << 20  # bytes that are read faster than an index is written
_MARK: Final = 200  # bytes, which name the run and the number


@attrs.define
class Span:
    """A run's lines in one file: where the first and the last begin, and their numbers."""

    first_offset: int
    first_seq: int
    last_offset: int
    last_seq: int
    started: float | None = None
    """When the run started, in Unix time, where its first event is here."""


class Contents:
    """The runs in the first ``size`` bytes of a file. What was appended since is read by :meth:`update`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.runs: dict[str, Span] = {}
        self.damaged: int | None = None
        """Where the first line begins that is no stored event."""

        self._mark = (
            0,
            b"",
        )  # where the last known line begins, and how: it is looked at before it is gone on from
        self._indexed = 0

    @classmethod
    def of(cls, path: Path) -> Contents:
        """The contents of a file now, with the help of its index if that fits."""
        contents = cls(path)
        contents._read_index()
        contents.update()
        return contents

    def update(self) -> None:
        """Read what was appended since the last time."""
        size = self.path.stat().st_size
        if size < self.size or (
            size > self.size and not self._is_marked()
        ):  # what was read was cut off again
            self._forget()
        if size > self.size:
            for offset, line in read_lines(self.path, self.size):
                if line != b"\n":  # the end of a line that lacked only this
                    self._take(offset, line)
                    self._mark = (offset, line[:_MARK])
                self.size = offset + len(line)

    def _is_marked(self) -> bool:
        offset, beginning = self._mark
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(len(beginning)) == beginning

    def _forget(self) -> None:
        self.size = self._indexed = 0
        self.runs = {}
        self.damaged = None
        self._mark = (0, b"")

    def _take(self, offset: int, line: bytes) -> None:
        matched = _HEAD.match(line)
        if matched is None:
            self._take_document(offset, document_of(line))
        elif matched[2] == b"0":
            self._note(matched[1].decode(), 0, offset, started_at(document_of(line) or {}))
        else:
            self._note(matched[1].decode(), int(matched[2]), offset, None)

    def _take_document(self, offset: int, document: Mapping[str, Any] | None) -> None:
        run_id, seq = (document or {}).get("run_id"), (document or {}).get("seq")
        if isinstance(run_id, str) and isinstance(seq, int):
            self._note(run_id, seq, offset, started_at(document or {}) if seq == 0 else None)
        elif self.damaged is None:
            self.damaged = offset
            _log.warning(
                "%s: what stands at byte %d is no stored event and was passed over", self.path, offset
            )

    def _note(self, run_id: str, seq: int, offset: int, started: float | None) -> None:
        span = self.runs.get(run_id)
        if span is None:
            self.runs[run_id] = Span(offset, seq, offset, seq, started)
        else:
            span.last_offset, span.last_seq = offset, seq

    # -- the index --------------------------------------------------------------------------------

    def write_index(self) -> None:
        """Write the index beside the file, where it saves reading much. Without it all is found, only slower."""
        if self.damaged is not None or self.size - self._indexed < _WORTHWHILE:
            return
        runs = {run_id: attrs.astuple(span) for run_id, span in self.runs.items()}
        mark = (self._mark[0], self._mark[1].decode("latin-1"))
        place = index_path(self.path)
        fresh = place.with_name(f"{place.name}.{os.getpid()}")
        try:
            fresh.write_text(json.dumps({"v": 1, "size": self.size, "mark": mark, "runs": runs}))
            fresh.replace(place)
        except OSError as error:
            _log.warning(
                "%s: the index cannot be written: %s; the runs in it are found without", place, error
            )
            return
        self._indexed = self.size

    def _read_index(self) -> None:
        try:
            index = json.loads(index_path(self.path).read_bytes())
            runs = {run_id: Span(*values) for run_id, values in index["runs"].items()}
            size, (offset, beginning) = int(index["size"]), index["mark"]
            mark = int(offset), str(beginning).encode("latin-1")
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("%s: the index cannot be read (%s); the file is read instead", self.path, error)
            return
        self.runs, self.size, self._indexed, self._mark = runs, size, size, mark
        if not self._is_marked():
            self._forget()


def index_path(path: Path) -> Path:
    """Where the index of a file is."""
    return path.with_suffix(".index")
