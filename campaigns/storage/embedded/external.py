"""Servers named by address: checks that they answer, and says in one line what to do when they do not."""

from __future__ import annotations

import psycopg
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.embedded.cache import NO_RETRY

DATABASE = "REKINDLE_DATABASE_URL"
REDIS = "REKINDLE_REDIS_URL"
_FIX = "start the server or correct the address"


def check_database(url: str, *, variable: str = DATABASE) -> None:
    """Returns when a connection succeeds. Raises UnusableEnvironment with host and reason, never the password."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        fix = "write postgresql+psycopg://name:password@host/database"
        raise UnusableEnvironment("not the address of a database", where=variable, fix=fix) from None
    place = f"{parts.host or parts.query.get('host') or 'localhost'}:{parts.port or 5432}"
    plain = parts.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        psycopg.connect(plain, connect_timeout=5).close()
    except psycopg.Error as error:
        reason = _without(_reason(str(error)), parts.password)
        raise UnusableEnvironment(f"no PostgreSQL for us at {place} ({reason})", where=variable, fix=_FIX) from None


def check_redis(url: str, *, variable: str = REDIS) -> None:
    """Returns when Redis answers. Raises UnusableEnvironment with host and reason, never the password."""
    try:
        client = Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5, retry=NO_RETRY)
    except ValueError:
        fix = "write redis://:password@host:6379/0"
        raise UnusableEnvironment("not the address of a Redis", where=variable, fix=fix) from None
    known = client.connection_pool.connection_kwargs
    place = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
    try:
        client.ping()
    except AuthenticationError:
        what, fix = f"Redis at {place} refuses the name or password", "correct them in the address"
        raise UnusableEnvironment(what, where=variable, fix=fix) from None
    except (RedisError, OSError) as error:
        reason = _without(_reason(str(error)), known.get("password"))
        raise UnusableEnvironment(f"no Redis for us at {place} ({reason})", where=variable, fix=_FIX) from None
    finally:
        client.close()


def _reason(said: str) -> str:
    if "not known" in said or "resolve" in said:
        return "its host name is not known"
    for known in ("Connection refused", "No such file", "timeout expired", "timed out", "No space left"):
        if known.lower() in said.lower():
            return known.lower()
    line = next((line for line in said.splitlines() if line.strip()), "it gives no reason")
    return line.split("FATAL:")[-1].split("failed: ")[-1].strip()


def _without(text: str, secret: object) -> str:
    return text.replace(str(secret), "***") if secret else text
