"""The derived rows of a run, made anew from its events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from lamella_sql import _tables as tables
from lamella_sql._escape import readable
from lamella_sql._reading import owner_of
from lamella_sql._statements import upsert_runs
from lamella_sql._tables import DERIVED
from lamella_sql._url import Place
from lamella_sql._writing import ENDED, derive, owner_columns, run_rows, write_changes

__all__ = ["rebuild_run"]


def rebuild_run(connection: Connection, run_id: str, place: Place) -> None:
    """Replace what was derived; who writes the run, and when it was first seen, stays."""
    before = run_rows(connection, [run_id])[run_id]
    last: Any = connection.execute(
        text("SELECT coalesce(max(seq), -1) FROM events WHERE run_id = :id"), {"id": readable(run_id)}
    )
    derivation = derive(connection, run_id, place, last.scalar() + 1)
    for table in DERIVED:
        connection.execute(text(f"DELETE FROM {table.name} WHERE run_id = :id"), {"id": readable(run_id)})
    open_status = "running" if before["status"] in ENDED else before["status"]
    row = {
        **derivation.run_row(),
        "status": derivation.status or open_status,
        **owner_columns(owner_of(before)),
    }
    upsert_runs(connection, tables.runs, [row])
    write_changes(connection, derivation.take_changes())
