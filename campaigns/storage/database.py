"""Connections to PostgreSQL: one small pool a process, errors as one readable line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import Connection, Engine, TextClause, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.arrays import QuickListDumper

psycopg.adapters.register_dumper(list, QuickListDumper)
set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)


_KEEPALIVE = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"


def connect(url: str, *, schema: str = "public", is_scratch: bool = False, pool_size: int = 5) -> Engine:
    """An engine on `url` (postgresql+psycopg://...) that works in `schema`. Nothing is opened until the first use.

    A scratch copy may lose its last moments in a crash of the server: it does not wait for the disk at each commit. The
    server asks a silent client after a minute whether it is still there: locks of a host that vanished become free."""
    options = f"-c timezone=UTC -c search_path={schema} {_KEEPALIVE}" + (
        " -c synchronous_commit=off" if is_scratch else ""
    )
    return create_engine(
        normalised_url(url),
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": 5, "options": options},
    )


def normalised_url(url: str) -> str:
    """Names the psycopg driver where a plain postgresql:// URL was given."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


_EXHAUSTED = {
    "53100": "has no disk space left; make room where its data lies",
    "53200": "is out of memory; give it more, or lower workers.processes",
    "53300": "takes no more connections; raise its max_connections, or run fewer processes",
}
"""sqlstate -> what is used up, and what to do."""


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: commits at the end, rolls back on any error; a lost server becomes one readable line."""
    with transaction_errors(engine), engine.begin() as connection:
        yield connection


@contextmanager
def transaction_errors(engine: Engine) -> Iterator[None]:
    """A lost or exhausted server as one readable line."""
    try:
        yield
    except (OperationalError, psycopg.OperationalError) as error:
        cause = error.orig if isinstance(error, OperationalError) else error
        state = getattr(cause, "sqlstate", None)
        if isinstance(cause, psycopg.OperationalError) and (_is_loss(state) or _is_invalid(error)):
            raise unreachable(engine) from error
        if state in _EXHAUSTED:
            raise UnusableEnvironment(f"PostgreSQL at {_host(engine)} {_EXHAUSTED[state]}") from error
        raise


def recreate_schema(engine: Engine, schema: str) -> None:
    """Empties a schema, and makes it where it is missing."""
    with transaction(engine) as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")


def schema_exists(engine: Engine, schema: str) -> bool:
    """Whether there is such a schema."""
    with transaction(engine) as connection:
        found = connection.execute(statement("SELECT to_regnamespace(:name)"), {"name": schema}).scalar_one()
        return found is not None


def unreachable(engine: Engine) -> UnusableEnvironment:
    """The one line for a database that does not answer; never names the password."""
    return UnusableEnvironment(
        f"PostgreSQL at {_host(engine)} does not answer",
        where="REKINDLE_DATABASE_URL",
        fix="start the server, correct the URL, or unset the variable to use the embedded one",
    )


def _host(engine: Engine) -> str:
    url = make_url(str(engine.url.render_as_string(hide_password=True)))
    return str(url.query.get("host") or f"{url.host}:{url.port or 5432}")


def _is_loss(state: str | None) -> bool:
    return state is None or state.startswith(("08", "57P"))


def _is_invalid(error: Exception) -> bool:
    return isinstance(error, OperationalError) and error.connection_invalidated


def statement(sql: str) -> TextClause:
    """A text statement, to be made once at import time so that its compiled form is cached."""
    return text(sql)


def driver_text(clause: TextClause) -> str:
    """A statement as the driver itself takes it, for work that goes past SQLAlchemy."""
    return str(clause.compile(dialect=postgresql.psycopg.dialect()))  # type: ignore[no-untyped-call]


def driver_connection(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's own connection: it takes part in the transaction that is open."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def copy_rows(connection: Connection, into: str, rows: Sequence[Sequence[Any]]) -> None:
    """COPY `rows` into `into` ("table (column, ...)"), in the connection's transaction."""
    with driver_connection(connection).cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def json_text(value: Any) -> str:
    """Compact JSON for a JSONB parameter; NUL characters, which PostgreSQL cannot hold, are dropped."""
    encoded = orjson.dumps(value)
    if b"\\u0000" in encoded:
        encoded = encoded.replace(b"\\u0000", b"")
    return encoded.decode()


def json_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows for `jsonb_to_recordset`: one text parameter, where an array of long texts would be escaped piece by piece."""
    return json_text(list(rows))
