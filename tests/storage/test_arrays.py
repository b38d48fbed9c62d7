"""Lists come to the database and back as they are, whatever stands in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from campaigns.storage.database import driver_connection, statement, transaction

pytestmark = pytest.mark.servers
TEXTS = ['"', "\\", '\\"', "{a,b}", "NULL", "null", "", " ", "a\nb\t", "é🦊", "'", "%s :x", ","]
AT = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])) | st.none()))
def test_texts(database: Engine, texts: list[str | None]) -> None:
    assert echoed(database, "text[]", texts) == texts


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text[]", TEXTS),
        ("text[]", [None, *TEXTS]),
        ("text[]", [None, None]),
        ("text[]", []),
        ("bigint[]", [1, -2, 2**62]),
        ("bigint[]", [None, 7]),
        ("timestamptz[]", [AT, AT + timedelta(days=400, microseconds=1)]),
        ("timestamptz[]", [AT, None]),
        ("boolean[]", [True, False]),
    ],
)
def test_every_kind_of_column(database: Engine, kind: str, values: list[object]) -> None:
    assert echoed(database, kind, values) == values


def test_quoted_by_the_client_too(database: Engine) -> None:
    with transaction(database) as connection:
        cursor = psycopg.ClientCursor(driver_connection(connection))
        cursor.execute("SELECT CAST(%s AS text[])", (TEXTS,))
        assert cursor.fetchone() == (TEXTS,)


def test_a_nul_character_is_refused_as_ever(database: Engine) -> None:
    with pytest.raises(DataError):
        echoed(database, "text[]", ["a\x00b"])


def echoed(database: Engine, kind: str, values: object) -> object:
    with transaction(database) as connection:
        return connection.execute(statement(f"SELECT CAST(:values AS {kind})"), {"values": values}).scalar_one()
