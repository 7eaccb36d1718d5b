"""The migrations: in the wheel, complete, and equal to the tables that the code speaks of."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lamella_sql import SQLStore
from lamella_sql._encoding import encode
from lamella_sql._escape import decode_json, decode_path, encode_json, encode_path, readable, restored
from lamella_sql._schema import REVISION, REVISIONS
from lamella_sql._tables import METADATA

from sql_runs import rows, store_run, tool_run

SOURCE = Path(__file__).parents[3] / "plugins" / "sql"


@pytest.mark.slow
def test_the_migrations_are_in_the_wheel(tmp_path: Path) -> None:
    if not SOURCE.exists():
        pytest.skip("the sources are not there")
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *flags, "--wheel-dir", str(tmp_path), str(SOURCE)],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("lamella_sql-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "migrations/env.py",
        "migrations/script.py.mako",
        "migrations/versions/0001_tables.py",
        "py.typed",
    ):
        assert f"lamella_sql/{name}" in names


def test_the_revisions_are_those_that_the_code_knows() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "lamella_sql:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == REVISION
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))


async def test_the_migrated_tables_are_those_of_the_code(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    store = SQLStore(url)
    await store.open()

    def differences(connection: Any) -> list[Any]:
        options = {"version_table": "lamella_version", "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))

    assert await store._connections.run(differences, writes=False) == []
    await store.close()


async def test_json_is_what_the_database_calls_it(postgres_url: str) -> None:
    await store_run(SQLStore(postgres_url), tool_run())
    found = await rows(
        postgres_url,
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE data_type LIKE 'json%'",
    )
    assert {tuple(row.values()) for row in found} == {
        ("runs", "meta", "jsonb"), ("blocks", "data", "jsonb"), ("tool_calls", "arguments", "jsonb"),
        ("events", "data", "json"), ("events", "usage", "json"),
    }  # fmt: skip


async def test_a_run_is_forgotten_with_all_that_is_its(postgres_url: str) -> None:
    await store_run(SQLStore(postgres_url), tool_run())
    await rows(postgres_url, "DELETE FROM runs")
    for table in METADATA.tables:
        assert await rows(postgres_url, f"SELECT * FROM {table}") == []


async def test_sqlite_is_in_wal_mode(sqlite_url: str) -> None:
    await store_run(SQLStore(sqlite_url), tool_run())
    assert await rows(sqlite_url, "PRAGMA journal_mode") == [{"journal_mode": "wal"}]


def test_deltas_are_written_as_the_serializer_writes_them() -> None:
    from lamella.content import TextBlock
    from lamella.events import (
        MessageOutputDelta,
        OpaqueEvent,
        ReasoningDelta,
        RunStreamEvent,
        ToolCallDelta,
    )
    from lamella.serial.stored import stored_form
    from lamella.usage import TokenUsage

    assert TextBlock(text="x").type == "text"
    raw = {"chunk": 1}
    deltas = [
        MessageOutputDelta(delta='a"\\\x00\ud800\n世', raw_event=raw),
        MessageOutputDelta(delta="", id='i"1'),
        MessageOutputDelta(delta="x", extra={"new": [1]}, raw_event=raw),
        MessageOutputDelta(delta="x", token_usage=TokenUsage(input_tokens=1, raw=raw)),
        ReasoningDelta(delta="x", id="1"),
        ReasoningDelta(delta="x", kind="summary"),
        ToolCallDelta(call_id='c"', name="n"),
        ToolCallDelta(call_id="c", name="n", delta="{", id="1"),
        ToolCallDelta(call_id="c", name="n", delta={"a": 1.5}),
        OpaqueEvent(type="acme.delta"),
    ]
    envelopes = [RunStreamEvent(event=event, run_id="r", seq=seq) for seq, event in enumerate(deltas)]
    for envelope, data, _ in encode(envelopes, "full"):
        assert data == encode_json(stored_form(envelope)["event"])
        assert decode_json(data) == stored_form(envelope)["event"]


@pytest.mark.parametrize(
    "text", ["", "a", "\x00", "\x1a", "\x1a0000", "\ud800\udc00", "\\u0000", "\\\x00", "\x1aud800"]
)
def test_text_that_databases_refuse_is_escaped_and_comes_back(text: str) -> None:
    assert restored(readable(text)) == text
    written = encode_json({text: [text, {"x": text}]})
    assert decode_json(written) == {text: [text, {"x": text}]}
    for stored in (readable(text), written):
        assert "\x00" not in stored
        stored.encode()
    assert "\\u0000" not in written.replace("\\\\", "")
    for path in ((text,), ("a", text), (text, "", "~/")):
        assert tuple(decode_path(encode_path(path))) == path
