"""Bringing a database to the current shape: Alembic, under a lock so that several processes may start at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from campaigns.storage.database import transaction

_LOCK = 7_253_001


def migrate(engine: Engine) -> None:
    """Applies every migration that is missing. Harmless when there is none."""
    with transaction(engine) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def missing_migrations(engine: Engine) -> bool:
    """Whether the database is behind this code (or ahead of it, when an older version runs)."""
    with transaction(engine) as connection:
        head = ScriptDirectory.from_config(_config(connection)).get_current_head()
        return MigrationContext.configure(connection).get_current_revision() != head


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
