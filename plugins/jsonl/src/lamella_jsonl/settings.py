"""The settings of the ``jsonl`` sink, as they stand in a project's configuration."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

__all__ = ["DEFAULT_PATH", "FsyncPolicy", "JSONLSettings", "RawPolicy"]

RawPolicy: TypeAlias = Literal["full", "dropped"]
FsyncPolicy: TypeAlias = Literal["end", "never", "batch"]

DEFAULT_PATH = ".lamella/runs"


@attrs.frozen(kw_only=True)
class JSONLSettings:
    """Where and how runs are stored; the fields are the arguments of ``JSONLStore``."""

    path: str = DEFAULT_PATH
    """The folder of the runs; a relative one is below the project's root."""

    deltas: bool = True
    """Whether ``*.delta`` events are stored too. A run is complete without them; with them a cut one shows its last words."""

    raw: RawPolicy = "full"
    """Whether the providers' own payloads are stored."""

    fsync: FsyncPolicy = "end"
    """When the disk is waited for: at the end of a run, after each batch, or never."""
