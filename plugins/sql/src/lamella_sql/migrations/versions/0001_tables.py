"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _exact() -> Any:
    return sa.Text().with_variant(JSON(), "postgresql")


def _json() -> Any:
    return sa.Text().with_variant(JSONB(), "postgresql")


def _run(*keys: sa.Column[Any]) -> list[sa.Column[Any]]:
    """The columns of the primary key: the run, then ``keys``."""
    owner = sa.Column("run_id", sa.Text(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    return [owner, *keys]


def _text_key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), primary_key=True)


def _number_key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), primary_key=True, autoincrement=False)


def upgrade() -> None:
    """Make them."""
    _runs()
    _events()
    _messages()
    _tool_calls()
    _responses()


def downgrade() -> None:
    """Drop them, and all runs with them."""
    for name in ("usage", "responses", "tool_calls", "blocks", "messages", "events", "runs"):
        op.drop_table(name)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("agent", sa.Text()),
        sa.Column("provider", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("conversation", sa.Text()),
        sa.Column("forked_from", sa.Text()),
        sa.Column("forked_at", sa.BigInteger()),
        sa.Column("started_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("duration", sa.Double()),
        sa.Column("input", sa.Text()),
        sa.Column("output", sa.Text()),
        sa.Column("stop_reason", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("meta", _json()),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("writer", sa.Text()),
        sa.Column("writer_host", sa.Text()),
        sa.Column("writer_pid", sa.BigInteger()),
        sa.Column("writer_started", sa.Text()),
        sa.Column("heartbeat_at", sa.Double()),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_index("ix_runs_conversation", "runs", ["conversation"])


def _events() -> None:
    op.create_table(
        "events",
        *_run(_number_key("seq")),
        sa.Column("at", sa.Double()),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", _exact(), nullable=False),
        sa.Column("usage", _exact()),
        sa.Column("monotonic", sa.Double(), nullable=False),
        sa.Column("start_time", sa.Double(), nullable=False),
        sa.Column("first_token", sa.Double()),
        sa.Column("v", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def _messages() -> None:
    op.create_table(
        "messages",
        *_run(_text_key("path"), _number_key("idx")),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger()),
        sa.Column("is_input", sa.Boolean(), nullable=False),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double()),
    )
    op.create_table(
        "blocks",
        *_run(_text_key("path"), _number_key("message"), _number_key("idx")),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("call_id", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("mime_type", sa.Text()),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("data", _json(), nullable=False),
    )


def _tool_calls() -> None:
    op.create_table(
        "tool_calls",
        *_run(_text_key("path"), _number_key("idx")),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arguments", _json()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("output", sa.Text()),
        sa.Column("is_error", sa.Boolean()),
        sa.Column("requested_at", sa.Double()),
        sa.Column("started_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
    )
    op.create_index("ix_tool_calls_name", "tool_calls", ["name"])


def _responses() -> None:
    op.create_table(
        "responses",
        *_run(_number_key("seq")),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("response", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("response_id", sa.Text()),
        sa.Column("stop_reason", sa.Text()),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("total_tokens", sa.BigInteger()),
    )
    op.create_table(
        "usage",
        *_run(_number_key("seq"), _text_key("bucket")),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("response", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
    )
