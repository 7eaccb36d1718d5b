"""Alembic's entry: runs in the transaction of the connection that it is given."""

from __future__ import annotations

from alembic import context

from lamella_sql._schema import VERSION_TABLE
from lamella_sql._tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
