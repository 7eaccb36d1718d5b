"""What is done with stored runs: shown again, compared, priced anew, carried to another store; loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lamella.recordings.copying import (
        CopiedRun,
        CopyReport,
        acopy_runs,
        astore_runs,
        copy_runs,
        store_runs,
    )
    from lamella.recordings.differing import Difference, RunDiff, diff
    from lamella.recordings.lines import TornLine, export_lines, import_lines, read_runs
    from lamella.recordings.recording import Recording
    from lamella.recordings.replaying import areplay, replay
    from lamella.recordings.repricing import Repriced, RepricedResponse, reprice
    from lamella.recordings.verifying import Verification

__all__ = [
    "CopiedRun",
    "CopyReport",
    "Difference",
    "Recording",
    "Repriced",
    "RepricedResponse",
    "RunDiff",
    "TornLine",
    "Verification",
    "acopy_runs",
    "areplay",
    "astore_runs",
    "copy_runs",
    "diff",
    "export_lines",
    "import_lines",
    "read_runs",
    "replay",
    "reprice",
    "store_runs",
]

_HOME: Final = {
    "CopiedRun": "copying",
    "CopyReport": "copying",
    "Difference": "differing",
    "Recording": "recording",
    "Repriced": "repricing",
    "RepricedResponse": "repricing",
    "RunDiff": "differing",
    "TornLine": "lines",
    "Verification": "verifying",
    "acopy_runs": "copying",
    "areplay": "replaying",
    "astore_runs": "copying",
    "copy_runs": "copying",
    "diff": "differing",
    "export_lines": "lines",
    "import_lines": "lines",
    "read_runs": "lines",
    "replay": "replaying",
    "reprice": "repricing",
    "store_runs": "copying",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
