"""The product's own processes, as an operator runs them - two workers, two beats, the web process - and what befalls
them: SIGKILL at random, servers that crash, clocks that jump."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import redis

from campaigns.config import Settings, Workspace, load_settings
from campaigns.storage.embedded import Servers, ensure_servers
from campaigns.storage.embedded.postgres import EmbeddedPostgres
from campaigns.storage.embedded.sockets import socket_folder

ROOT = Path(__file__).parents[2]
PROCESSES = 2
"""Pool processes of each worker."""
JUMPS = (0, 3 * 3600, -2 * 3600, 40 * 86400, -86400, 600)
"""Seconds by which a shifted clock is wrong."""


def make_shifted_clock(folder: Path) -> Path:
    """The library that gives a process another calendar, made from its source."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the library that shifts clocks")
    library = folder / "shifted_clock.so"
    source = Path(__file__).with_name("shifted_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


@dataclass
class Part:
    """One command that is kept running. `is_shifted`: its clock jumps."""

    name: str
    words: tuple[str, ...]
    is_shifted: bool = False
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    met_pool_at: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether it had time to start: a worker whose whole pool is there since a while, anything else that is old."""
        now = time.monotonic()
        if not self.name.startswith("worker"):
            return now - self.started_at > 10
        if self.met_pool_at is None and len(self.pool) == PROCESSES:
            self.met_pool_at = now
        return self.met_pool_at is not None and now - self.met_pool_at > 4

    @property
    def pool(self) -> list[psutil.Process]:
        """The processes that do a worker's work."""
        if self.process is None or not self.name.startswith("worker"):
            return []
        with suppress(psutil.Error):
            return psutil.Process(self.process.pid).children()
        return []


@dataclass
class Fleet:
    """All parts, and who was killed how often."""

    folder: Path
    environ: Mapping[str, str]
    chance: random.Random
    clock_file: Path
    clock_library: Path
    parts: list[Part] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    def start(self, part: Part) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
        environ = {**kept, **self.environ, "PYTHONPATH": str(ROOT)}
        if part.is_shifted:
            environ |= {"LD_PRELOAD": str(self.clock_library), "SHIFTED_CLOCK": str(self.clock_file)}
        command = [sys.executable, "-m", "campaigns.cli", "--workspace", str(self.folder), *part.words]
        with (self.folder.parent / f"{part.name}.log").open("ab") as log:
            part.process = subprocess.Popen(
                command, env=environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        part.started_at, part.met_pool_at = time.monotonic(), None

    def mend(self) -> None:
        """Starts again what has ended, as a supervisor does."""
        for part in self.parts:
            if part.process is None or part.process.poll() is None or time.monotonic() - part.started_at < 1:
                continue
            self.ended[f"{part.name}: {part.process.returncode}"] += 1
            self.start(part)

    def strike(self) -> None:
        """Kills a process of a worker's pool; now and then a whole part, once it had time to do something."""
        up = [part for part in self.parts if part.is_up]
        if up and self.chance.random() < 0.04:
            part = self.chance.choice(up)
            assert part.process is not None
            self._kill(part.process.pid, "worker" if part.name.startswith("worker") else part.name)
            return
        pool = [process.pid for part in up for process in part.pool]
        if pool:
            self._kill(self.chance.choice(pool), "pool")

    def _kill(self, pid: int, what: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills[what] += 1

    @contextmanager
    def under_fire(self) -> Iterator[None]:
        """While this holds, a process dies several times a second, and what has ended is started again."""
        is_over = threading.Event()

        def fire() -> None:
            while not is_over.wait(self.chance.uniform(0.15, 0.6)):
                self.mend()
                self.strike()

        thread = threading.Thread(target=fire)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def jump(self) -> None:
        """The clocks of the shifted parts jump somewhere else."""
        self.clock_file.write_text(f"{self.chance.choice(JUMPS)}\n", encoding="utf-8")

    def most_in_doubt(self, crashes: int) -> int:
        """How many mails the kills and crashes may have left in doubt: one for each sender lost."""
        senders = PROCESSES * sum(part.name.startswith("worker") for part in self.parts)
        return self.kills["pool"] + PROCESSES * self.kills["worker"] + senders * crashes

    def stop(self) -> None:
        """Ends all parts as an operator does, and kills what does not heed it."""
        running = [part.process for part in self.parts if part.process is not None]
        for process in running:
            with suppress(ProcessLookupError):
                process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def running_fleet(folder: Path, environ: Mapping[str, str], port: int, chance: random.Random) -> Iterator[Fleet]:
    """Two workers and two beats, of which one each has a jumping clock, and the web process."""
    fleet = Fleet(folder, environ, chance, folder.parent / "clock", make_shifted_clock(folder.parent))
    fleet.jump()
    fleet.parts = [
        Part("worker-1", ("worker", "--processes", str(PROCESSES))),
        Part("worker-2", ("worker", "--processes", str(PROCESSES)), is_shifted=True),
        Part("beat-1", ("beat",)),
        Part("beat-2", ("beat",), is_shifted=True),
        Part("serve", ("serve", "--port", str(port)), is_shifted=True),
    ]
    try:
        for part in fleet.parts:
            fleet.start(part)
        yield fleet
    finally:
        fleet.stop()


class OwnServers:
    """PostgreSQL and Redis of the test's own, that may be crashed and brought back."""

    def __init__(self, folder: Path, tmp: Path) -> None:
        self.workspace = Workspace(folder)
        self.settings: Settings = load_settings(self.workspace, {})
        self._running: Servers = ensure_servers(self.workspace, self.settings)
        self._old: list[Servers] = []
        self.crashes: Counter[str] = Counter()

    @property
    def environ(self) -> dict[str, str]:
        """What points the parts at them, so that no part starts or stops a server."""
        servers = self._running
        return {
            "REKINDLE_DATABASE_URL": servers.database_url,
            "REKINDLE_REDIS_URL": servers.redis_url,
            "REKINDLE_BROKER_URL": servers.broker_url,
        }

    def crash_a_connection(self, pid: int) -> None:
        """One server process dies: PostgreSQL drops all connections and recovers from its log."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.crashes["database"] += 1

    def crash_database(self) -> None:
        """The whole of PostgreSQL dies and is started again."""
        folder = self.workspace.state / "servers"
        pid = EmbeddedPostgres(folder, socket_folder(folder))._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.crashes["database"] += 1
        self._bring_back()

    def crash_redis(self) -> None:
        """Redis dies and is started again with what its file kept."""
        client = redis.Redis.from_url(self._running.redis_url)
        pid = int(client.info("server")["process_id"])
        os.kill(pid, signal.SIGKILL)
        self.crashes["redis"] += 1
        self._bring_back()

    def flush_redis(self) -> None:
        """Everything in Redis is gone: slates, queues, and what workers had not acknowledged."""
        redis.Redis.from_url(self._running.redis_url).flushall()
        self.crashes["flush"] += 1

    def _bring_back(self) -> None:
        self._old.append(self._running)  # its lease keeps the other server running meanwhile
        self._running = ensure_servers(self.workspace, self.settings)

    def close(self) -> None:
        for servers in (*self._old, self._running):
            servers.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
