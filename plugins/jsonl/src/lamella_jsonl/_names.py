"""File names: ``{started}-{run_id}.jsonl`` and ``runs-{started}-{process}-{count}.jsonl``; both sort by time."""

from __future__ import annotations

import itertools
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import attrs

__all__ = ["StoredRun", "file_name", "made_at", "rotating_files", "rotating_name", "run_name", "stored_runs"]

_SUFFIX: Final = ".jsonl"
_ROTATING: Final = "runs-"
_count = itertools.count()


def _stamp(moment: float) -> str:
    started = datetime.fromtimestamp(moment, UTC)
    return f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03d}Z"


def run_name(run_id: str) -> str:
    """A run id as part of a file name. Whatever stands in it, it stays in its folder."""
    return quote(run_id, safe="")


def file_name(run_id: str, started_at: float) -> str:
    """The name of a run's file. ``started_at`` is Unix time in seconds."""
    return f"{_stamp(started_at)}-{run_name(run_id)}{_SUFFIX}"


@attrs.frozen(order=True)
class StoredRun:
    """A run's file: when it started (as its name says, sortable), its id, its path."""

    started: str
    run_id: str
    path: Path


def stored_runs(folder: Path, pattern: str = "*") -> list[StoredRun]:
    """The runs with files of their own in a folder, newest first; other files are not looked at.

    :param pattern: the names to look at, without the suffix.
    """
    found = []
    for path in folder.glob(f"{pattern}{_SUFFIX}"):
        started, dash, run_id = path.name.removesuffix(_SUFFIX).partition("-")
        if dash and run_id and started[:1].isdigit():
            found.append(StoredRun(started, unquote(run_id), path))
    return sorted(found, reverse=True)


# -- files of many runs ---------------------------------------------------------------------------


def rotating_name() -> str:
    """The name of a new file of many runs, which nobody else has."""
    return f"{_ROTATING}{_stamp(time.time())}-{os.getpid()}-{next(_count)}{_SUFFIX}"


def rotating_files(folder: Path) -> list[Path]:
    """The files of many runs in a folder, oldest first."""
    return sorted(folder.glob(f"{_ROTATING}*{_SUFFIX}"), key=lambda path: path.name)


def made_at(path: Path) -> float:
    """When a file of many runs was made, in Unix time, as its name says; the time of the file if it does not."""
    stamp = path.name.removeprefix(_ROTATING).partition("-")[0]
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S.%f%z").timestamp()
    except ValueError:
        return path.stat().st_mtime
