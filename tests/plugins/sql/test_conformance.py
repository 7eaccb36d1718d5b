"""The kit's own tests, on both databases."""

from __future__ import annotations

import functools
import sqlite3
from typing import Any

import pytest

from lamella_sql import SQLStore
from lamella_testing.sinks import SinkConformance


class TestSQLite(SinkConformance):
    plugin = "sql"
    settings = {"url": "runs.db"}

    def make_sink(self) -> SQLStore:
        return SQLStore(self.folder / "runs.db")

    def recipe(self) -> Any:
        return functools.partial(SQLStore, self.folder / "runs.db", timeout=5.0)

    def break_storage(self) -> bool:
        path = self.folder / "runs.db"
        if not path.exists():
            path.write_text("no database at all, but some text that is long enough to be looked at" * 20)
            return True
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("DROP TABLE events")
        connection.close()
        return True


class TestPostgreSQL(SinkConformance):
    plugin = "sql"
    settings = {"url": "postgresql://agent@localhost/runs", "password": "s3cret-pass"}
    secret = "s3cret-pass"

    @pytest.fixture(autouse=True)
    def _with_a_server(self, postgres_url: str) -> None:
        self.url = postgres_url

    def make_sink(self) -> SQLStore:
        return SQLStore(self.url)

    def recipe(self) -> Any:
        return functools.partial(SQLStore, self.url, timeout=5.0)
