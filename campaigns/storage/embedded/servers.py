"""Gives a process its servers, and takes them back."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from types import TracebackType

from campaigns.config import Settings, Workspace
from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.embedded.cache import EmbeddedRedis
from campaigns.storage.embedded.external import check_database, check_redis
from campaigns.storage.embedded.postgres import EmbeddedPostgres
from campaigns.storage.embedded.sharing import Lease, starting_or_stopping
from campaigns.storage.embedded.sockets import remove_socket_folder, socket_folder


class Servers:
    """Addresses of running servers, for SQLAlchemy (`database_url`), redis-py (`redis_url`) and Celery (`broker_url`).

    Embedded servers run until the last process that asked for them has closed or died. Use it as a context, or call
    `close`; a process that forgets does so on its way out.
    """

    def __init__(self, database_url: str, redis_url: str, broker_url: str, lease: _SharedUse | None) -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self.broker_url = broker_url
        self._lease = lease
        atexit.register(self.close)

    @property
    def embedded(self) -> bool:
        """Whether any of them is our own."""
        return self._lease is not None

    def close(self) -> None:
        """Ends this use; may be called again. The last user stops the embedded servers."""
        lease, self._lease = self._lease, None
        atexit.unregister(self.close)
        if lease is not None:
            lease.end()

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _SharedUse:
    """This process's part in the embedded servers of a workspace. Made while holding `starting_or_stopping`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sockets = socket_folder(folder)
        self.database = EmbeddedPostgres(folder, self.sockets)
        self.redis = EmbeddedRedis(folder, self.sockets)
        self._lease = Lease(folder)
        self._owner = os.getpid()

    def end(self) -> None:
        """Ends it and stops the servers after the last one; a forked child only lets go of what it inherited."""
        if os.getpid() != self._owner:
            self._lease.forget()
            return
        with starting_or_stopping(self.folder):
            self.give_up()

    def give_up(self) -> None:
        """The same for who holds `starting_or_stopping` already."""
        if self._lease.leave():
            self.redis.stop()
            self.database.stop()
            remove_socket_folder(self.folder)


def ensure_servers(workspace: Workspace, settings: Settings) -> Servers:
    """The database, Redis and broker of `workspace`, running and answering.

    What `settings` names by address is only checked; what it does not is started under `.rekindle/`, or shared with the
    processes that run it already. Raises UnusableEnvironment in one line: variable or folder, host, what to do.
    """
    database, redis, broker = (
        url.get_secret_value() if url else None
        for url in (settings.database_url, settings.redis_url, settings.broker_url)
    )
    if database:
        check_database(database)
    if redis:
        check_redis(redis)
    if database and redis:
        return Servers(database, redis, broker or redis, None)
    folder = workspace.make_state() / "servers"
    try:
        use = _start(folder, with_database=not database, with_redis=not redis)
    except OSError as error:
        raise _unwritable(folder, error) from error
    own_broker = redis or use.redis.broker_url
    return Servers(database or use.database.url, redis or use.redis.url, broker or own_broker, use)


def _start(folder: Path, *, with_database: bool, with_redis: bool) -> _SharedUse:
    folder.mkdir(mode=0o711, exist_ok=True)
    with starting_or_stopping(folder):
        use = _SharedUse(folder)
        try:
            if with_redis:
                use.redis.start()
            if with_database:
                use.database.start()
        except BaseException:
            use.give_up()
            raise
    return use


def _unwritable(folder: Path, error: OSError) -> UnusableEnvironment:
    reason = (error.strerror or str(error)).lower()
    where = str(error.filename or folder)
    return UnusableEnvironment(
        f"cannot be written: {reason}", where=where, fix="free space or choose another workspace"
    )
