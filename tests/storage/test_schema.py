"""The migrations make exactly the tables the code describes."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from campaigns.storage.database import transaction
from campaigns.storage.migrate import migrate, missing_migrations
from campaigns.storage.tables import metadata

pytestmark = pytest.mark.servers


def test_migrations_and_tables_agree(database: Engine) -> None:
    assert not missing_migrations(database)
    with transaction(database) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_is_harmless(database: Engine) -> None:
    migrate(database)
    assert not missing_migrations(database)
