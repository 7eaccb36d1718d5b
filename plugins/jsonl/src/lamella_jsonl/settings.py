"""The settings of the ``jsonl`` sink, as they stand in a project's configuration."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from lamella.serial.stored import RawPolicy

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_PATH", "FsyncPolicy", "JSONLSettings", "Layout", "RawPolicy"]

FsyncPolicy: TypeAlias = Literal["end", "never", "batch", "interval"]
Layout: TypeAlias = Literal["run", "rotating"]

DEFAULT_PATH: Final = ".lamella/runs"
DEFAULT_MAX_BYTES: Final = 64 * 1024 * 1024


@attrs.frozen(kw_only=True)
class JSONLSettings:
    """Where and how runs are stored; the fields are the arguments of ``JSONLStore``."""

    path: str = DEFAULT_PATH
    """The folder of the runs; a relative one is below the project's root."""

    layout: Layout = "run"
    """``run``: a file for each run. ``rotating``: runs one after another and interleaved in files of some size."""

    deltas: bool = True
    """Whether ``*.delta`` events are stored too. A run is complete without them; with them a cut one shows its last words."""

    raw: RawPolicy = "full"
    """What is kept of the providers' own payloads: all, ``redacted`` (shape and numbers without words), or nothing."""

    fsync: FsyncPolicy = "end"
    """When the disk is waited for: at the end of a run, after each batch, every ``fsync_seconds``, or never."""

    fsync_seconds: float = 1.0
    """With ``fsync = "interval"``: the longest time that what was written waits for the disk."""

    max_bytes: int = DEFAULT_MAX_BYTES
    """Rotating: a file that has reached this size is followed by a new one."""

    max_age: float | None = None
    """Rotating: a file that is this old, in seconds, is followed by a new one; unless given, only the size counts."""

    keep: int | None = None
    """Rotating: how many old files are kept; unless given, all. Runs whose beginning went with a file are gone."""
