"""The tables. What stands in them is told column by column in ``docs/reference/sql.md``.

``events`` is the truth and is only added to; all the other tables are made of it. ``migrations/`` makes these
tables in a database; a test compares the two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSON, JSONB

__all__ = ["DERIVED", "METADATA", "blocks", "events", "messages", "responses", "runs", "tool_calls", "usage"]

METADATA: Final = MetaData()

# SQLite has no type for JSON; its functions read text. ``JSON`` of PostgreSQL keeps the text as it is (the order
# of keys, the spelling of numbers), which ``JSONB`` does not.
_Exact = Text().with_variant(JSON(), "postgresql")
_Json = Text().with_variant(JSONB(), "postgresql")


def _run() -> Column[Any]:
    return Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)


runs: Final = Table(
    "runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("kind", Text),
    Column("agent", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("conversation", Text),
    Column("forked_from", Text),
    Column("forked_at", BigInteger),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("duration", Double),
    Column("input", Text),
    Column("output", Text),
    Column("stop_reason", Text),
    Column("error_code", Text),
    Column("error", Text),
    Column("meta", _Json),
    Column("events", BigInteger, nullable=False),
    Column("total_tokens", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("writer", Text),
    Column("writer_host", Text),
    Column("writer_pid", BigInteger),
    Column("writer_started", Text),
    Column("heartbeat_at", Double),
    Index("ix_runs_started_at", "started_at"),
    Index("ix_runs_conversation", "conversation"),
)

events: Final = Table(
    "events",
    METADATA,
    _run(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double),
    Column("path", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("data", _Exact, nullable=False),
    Column("usage", _Exact),
    Column("monotonic", Double, nullable=False),
    Column("start_time", Double, nullable=False),
    Column("first_token", Double),
    Column("v", BigInteger, nullable=False),
    sqlite_with_rowid=False,  # one tree in place of two; the events of a run lie beside each other
)

messages: Final = Table(
    "messages",
    METADATA,
    _run(),
    Column("path", Text, primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("role", Text, nullable=False),
    Column("turn", BigInteger),
    Column("is_input", Boolean, nullable=False),
    Column("incomplete", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Double),
)

blocks: Final = Table(
    "blocks",
    METADATA,
    _run(),
    Column("path", Text, primary_key=True),
    Column("message", BigInteger, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("text", Text),
    Column("call_id", Text),
    Column("name", Text),
    Column("mime_type", Text),
    Column("bytes", BigInteger),
    Column("data", _Json, nullable=False),
)

tool_calls: Final = Table(
    "tool_calls",
    METADATA,
    _run(),
    Column("path", Text, primary_key=True),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("turn", BigInteger, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arguments", _Json),
    Column("status", Text, nullable=False),
    Column("output", Text),
    Column("is_error", Boolean),
    Column("requested_at", Double),
    Column("started_at", Double),
    Column("ended_at", Double),
    Index("ix_tool_calls_name", "name"),
)

responses: Final = Table(
    "responses",
    METADATA,
    _run(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("response", BigInteger, nullable=False),
    Column("at", Double),
    Column("outcome", Text, nullable=False),
    Column("provider", Text),
    Column("model", Text),
    Column("response_id", Text),
    Column("stop_reason", Text),
    Column("cached", Boolean, nullable=False),
    Column("total_tokens", BigInteger),
)

usage: Final = Table(
    "usage",
    METADATA,
    _run(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("bucket", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("response", BigInteger, nullable=False),
    Column("provider", Text),
    Column("model", Text),
    Column("quantity", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
)

DERIVED: Final = (messages, blocks, tool_calls, responses, usage)
"""What is made of the events, beside the columns of ``runs``."""
