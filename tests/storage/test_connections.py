"""What every connection asks of PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from campaigns.storage.database import statement, transaction

pytestmark = pytest.mark.servers


def test_the_server_finds_out_within_two_minutes_that_a_host_vanished(database: Engine) -> None:
    """Else its locks - a training, a part of one, shoppers - stay taken for as long as the system's keepalive takes."""
    asked = statement("SELECT name, reset_val::int FROM pg_settings WHERE name LIKE 'tcp_keepalives_%'")
    with transaction(database) as connection:
        found = {row[0].removeprefix("tcp_keepalives_"): row[1] for row in connection.execute(asked)}
    assert min(found.values()) > 0
    assert found["idle"] + found["interval"] * found["count"] <= 120
