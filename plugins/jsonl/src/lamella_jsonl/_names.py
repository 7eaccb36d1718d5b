"""File names: ``{started}-{run_id}.jsonl``, so that names sort by time and a run is found by its id."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

import attrs

__all__ = ["StoredRun", "file_name", "stored_runs"]

_SUFFIX = ".jsonl"


def file_name(run_id: str, started_at: float) -> str:
    """The name of a run's file. ``started_at`` is Unix time in seconds.

    Whatever stands in the id, the name stays in its folder: all but letters, digits and ``_.-~`` is escaped.
    """
    started = datetime.fromtimestamp(started_at, UTC)
    return f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03d}Z-{quote(run_id, safe='')}{_SUFFIX}"


@attrs.frozen(order=True)
class StoredRun:
    """A run's file: when it started (as its name says, sortable), its id, its path."""

    started: str
    run_id: str
    path: Path


def stored_runs(folder: Path) -> list[StoredRun]:
    """The runs in a folder, newest first; other files are not looked at."""
    if not folder.is_dir():
        return []
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        started, dash, run_id = path.name.removesuffix(_SUFFIX).partition("-")
        if dash and run_id:
            found.append(StoredRun(started, unquote(run_id), path))
    return sorted(found, reverse=True)
