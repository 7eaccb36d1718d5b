"""What came of runs that were copied or imported: as a table or JSON, and as an exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamella_cli.exits import Exit
from lamella_cli.output import notice, write_json, write_table

if TYPE_CHECKING:
    from lamella.recordings import CopyReport

__all__ = ["show_copies"]


def show_copies(report: CopyReport, *, as_json: bool) -> Exit:
    """Print a report; the exit code says whether all runs are there."""
    import attrs

    from lamella_console.plain import printable

    if as_json:
        write_json([attrs.asdict(run) for run in report.runs])
    elif report.runs:
        rows = [[run.run_id, run.status, str(run.events), printable(run.detail or "")] for run in report.runs]
        write_table(["RUN", "STATUS", "EVENTS", ""], rows)
    else:
        notice("there is no run to copy")
    return Exit.OK if report.ok else Exit.FAILED
