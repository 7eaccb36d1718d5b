"""Many rows in one statement: ``executemany`` on SQLite, ``unnest`` of one array a column on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import attrs
from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Table
from sqlalchemy.dialects.postgresql import JSON, JSONB, dialect

__all__ = ["NOW", "RUNNING_COLUMNS", "delete_rows", "insert_events", "upsert", "upsert_runs"]

NOW: Final[Mapping[str, str]] = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())::float8",
}
"""The database's own clock as Unix seconds: all who write to it share it."""

RUNNING_COLUMNS: Final = ("writer", "writer_host", "writer_pid", "writer_started")

_POSTGRESQL: Final = dialect()  # type: ignore[no-untyped-call]  # has no annotations


@attrs.frozen
class _Insert:
    """One ``INSERT`` of many rows. ``conflict`` is what follows ``ON CONFLICT``."""

    table: Table
    columns: tuple[str, ...]
    conflict: str
    clock: tuple[str, ...] = ()
    """Columns that get the database's time."""

    def text(self, backend: str) -> str:
        names = ", ".join((*self.columns, *self.clock))
        clock = [NOW[backend]] * len(self.clock)
        if backend == "sqlite":
            values = ", ".join(["?"] * len(self.columns) + clock)
            source = f"VALUES ({values})"
        else:
            columns = [self.table.c[name] for name in self.columns]
            arrays = ", ".join(f"${place}::{_element(column)}[]" for place, column in enumerate(columns, 1))
            made = ", ".join([*(f"x.{column.name}{_cast(column)}" for column in columns), *clock])
            source = f"SELECT {made} FROM unnest({arrays}) AS x({', '.join(self.columns)})"
        return f"INSERT INTO {self.table.name} ({names}) {source} ON CONFLICT {self.conflict}"


def _run_many(connection: Connection, insert: _Insert, rows: Sequence[Sequence[Any]]) -> int:
    """Insert rows, given in the order of the columns; return how many were inserted or changed."""
    backend = connection.dialect.name
    text = _text(insert, backend)
    if backend == "sqlite":
        parameters: Any = rows
    else:
        parameters = tuple(map(list, zip(*rows, strict=True)))
    result = connection.exec_driver_sql(text, parameters)
    return int(result.rowcount)


@lru_cache(maxsize=64)
def _text(insert: _Insert, backend: str) -> str:
    return insert.text(backend)


def _is_json(column: Column[Any]) -> str:
    kind = column.type.dialect_impl(_POSTGRESQL)
    if isinstance(kind, JSONB):
        return "jsonb"
    return "json" if isinstance(kind, JSON) else ""


def _element(column: Column[Any]) -> str:
    for kind, name in ((BigInteger, "bigint"), (Double, "float8"), (Boolean, "boolean")):
        if isinstance(column.type, kind):
            return name
    return "text"


def _cast(column: Column[Any]) -> str:
    kind = _is_json(column)
    return f"::{kind}" if kind else ""


# -- the statements -------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _events_insert(table: Table) -> _Insert:
    return _Insert(table, tuple(column.name for column in table.columns), "DO NOTHING")


def insert_events(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Add events, each a row in the order of the table's columns; those that are there stay as they are."""
    _run_many(connection, _events_insert(table), rows)


@lru_cache(maxsize=16)
def _upsert(table: Table) -> _Insert:
    keys = ", ".join(column.name for column in table.primary_key)
    columns = tuple(column.name for column in table.columns)
    changed = [
        f"{column.name} = excluded.{column.name}" for column in table.columns if not column.primary_key
    ]
    return _Insert(table, columns, f"({keys}) DO UPDATE SET {', '.join(changed)}")


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, each whole, by their primary key."""
    insert = _upsert(table)
    _run_many(connection, insert, [tuple([row[name] for name in insert.columns]) for row in rows])


@lru_cache(maxsize=16)
def _upsert_runs(table: Table) -> _Insert:
    clock = ("heartbeat_at", "created_at")
    columns = tuple(column.name for column in table.columns if column.name not in clock)
    kept = {"id", "created_at", *RUNNING_COLUMNS}
    changed = [
        f"{column.name} = excluded.{column.name}" for column in table.columns if column.name not in kept
    ]
    # Two who begin the same run at once: the second one changes no row, and learns it from the count.
    same = "runs.writer = excluded.writer OR (runs.writer IS NULL AND excluded.writer IS NULL)"
    return _Insert(table, columns, f"(id) DO UPDATE SET {', '.join(changed)} WHERE {same}", clock)


def upsert_runs(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Write runs; say whether all of them were written: another writer's run is left alone."""
    insert = _upsert_runs(table)
    changed = _run_many(connection, insert, [tuple([row[name] for name in insert.columns]) for row in rows])
    return changed == len(rows)


def delete_rows(connection: Connection, table: Table, keys: Sequence[Sequence[Any]]) -> None:
    """Delete rows by their primary keys."""
    backend = connection.dialect.name
    columns = list(table.primary_key)
    marks = ["?"] * len(columns) if backend == "sqlite" else [f"${n}" for n in range(1, len(columns) + 1)]
    matches = " AND ".join(f"{column.name} = {mark}" for column, mark in zip(columns, marks, strict=True))
    connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {matches}", [tuple(key) for key in keys])
