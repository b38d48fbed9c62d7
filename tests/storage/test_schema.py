"""The migrations make exactly the tables the code describes."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from campaigns.storage import tables
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


def test_migrations_follow_each_other_one_by_one() -> None:
    folder = Path(tables.__file__).parent / "migrations" / "versions"
    names = sorted(path.name[:4] for path in folder.glob("[0-9]*.py"))
    assert names == [f"{number:04}" for number in range(1, len(names) + 1)]
