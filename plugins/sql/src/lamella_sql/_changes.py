"""What of the derived tables has changed since it was last written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import Table

from lamella_sql._tables import DERIVED

__all__ = ["Changes", "Row"]

Row: TypeAlias = dict[str, Any]


class Changes:
    """Rows to write and keys to delete, by table. Deletions come first."""

    def __init__(self) -> None:
        self.rows: dict[Table, dict[tuple[Any, ...], Row]] = {}
        self.deleted: dict[Table, dict[tuple[Any, ...], None]] = {}

    def put(self, table: Table, row: Row) -> None:
        """Write a row, whole."""
        self.rows.setdefault(table, {})[_key(table, row)] = row

    def delete(self, table: Table, row: Mapping[str, Any]) -> None:
        """Delete the row with the primary key of ``row``."""
        key = _key(table, row)
        self.rows.get(table, {}).pop(key, None)
        self.deleted.setdefault(table, {})[key] = None

    def __bool__(self) -> bool:
        return any(self.rows.values()) or any(self.deleted.values())

    def tables(self) -> list[Table]:
        """The tables that change, in a fixed order: those who wait for each other's rows wait in this order."""
        return [table for table in DERIVED if self.rows.get(table) or self.deleted.get(table)]


def _key(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key)
