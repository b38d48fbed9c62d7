"""Alembic environment: runs on the connection that `campaigns.storage.migrate` hands over."""

from __future__ import annotations

from alembic import context

from campaigns.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
