"""The migrations of the tables, run by alembic when a store is opened."""
