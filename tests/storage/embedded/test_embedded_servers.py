"""The servers of a workspace: shared, healed, stopped by the last to leave."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from campaigns.config import Workspace, load_settings, scaffold
from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.embedded import Servers, ensure_servers

pytestmark = pytest.mark.servers
REPOSITORY = Path(__file__).parents[3]

HOLDER = """
import sys
from campaigns.config import Workspace, load_settings
from campaigns.storage.embedded import ensure_servers
workspace = Workspace.at(sys.argv[1])
servers = ensure_servers(workspace, load_settings(workspace, {}))
print("ready", flush=True)
sys.stdin.read()
servers.close()
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return scaffold(tmp_path / "w").workspace


def start(workspace: Workspace) -> Servers:
    return ensure_servers(workspace, load_settings(workspace, {}))


def hold(workspace: Workspace) -> subprocess.Popen[str]:
    """Another process that uses the servers until its stdin closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def connect(servers: Servers) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(servers.database_url.replace("+psycopg", ""), autocommit=True)


def answers(servers: Servers) -> bool:
    try:
        connect(servers).close()
        return bool(redis.Redis.from_url(servers.redis_url).ping())
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


def server_pids(workspace: Workspace) -> list[int]:
    database = int((workspace.state / "servers/postgres/postmaster.pid").read_text().splitlines()[0])
    client = redis.Redis(unix_socket_path=str(workspace.state / "servers/run/redis.sock"))
    return [database, int(client.info("server")["process_id"])]


def wait_dead(pids: list[int]) -> None:
    for pid in pids:
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
            time.sleep(0.02)


def test_a_fresh_workspace_gets_a_database_a_cache_and_a_broker(workspace: Workspace) -> None:
    with start(workspace) as servers:
        assert servers.embedded
        with connect(servers) as connection:
            row = connection.execute(
                "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
            ).fetchone()
            assert row == ("on", "on")
            assert str(connection.execute("SHOW server_version").fetchone()[0]).startswith("18")
        assert redis.Redis.from_url(servers.redis_url).config_get("appendonly") == {"appendonly": "yes"}
        with Connection(servers.broker_url) as broker, broker.SimpleQueue("wake-up") as queue:
            queue.put({"rows": [1, 2]})
            assert queue.get(timeout=5).payload == {"rows": [1, 2]}


def test_two_processes_share_the_servers_and_the_last_to_leave_stops_them(workspace: Workspace) -> None:
    servers = start(workspace)
    other = hold(workspace)
    pids = server_pids(workspace)
    servers.close()
    assert server_pids(workspace) == pids
    assert answers(servers)
    other.communicate()
    assert other.returncode == 0
    assert not answers(servers)
    wait_dead(pids)


def test_processes_that_start_at_once_find_one_pair_of_servers(workspace: Workspace) -> None:
    with ThreadPoolExecutor(4) as pool:
        holders = list(pool.map(hold, [workspace] * 4))
    pids = server_pids(workspace)
    for holder in holders[:3]:
        holder.kill()
        holder.wait()
    holders[3].communicate()
    wait_dead(pids)
    assert not (workspace.state / "servers/run").exists()


def test_a_process_killed_without_a_word_leaves_nothing_to_clean_up(workspace: Workspace) -> None:
    victim = hold(workspace)
    pids = server_pids(workspace)
    victim.kill()
    victim.wait()
    with start(workspace) as servers:
        assert server_pids(workspace) == pids, "the running servers are taken over"
        assert answers(servers)
    assert not answers(servers)


def test_killed_servers_come_back_with_everything_acknowledged(workspace: Workspace) -> None:
    with start(workspace) as servers:
        with connect(servers) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        redis.Redis.from_url(servers.redis_url).set("kept", "yes")
        time.sleep(1.1)  # the append-only file reaches the disk once a second
        pids = server_pids(workspace)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_dead(pids)
        with start(workspace) as again:
            with connect(again) as connection:
                assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            assert redis.Redis.from_url(again.redis_url).get("kept") == b"yes"


def test_a_lock_whose_process_id_now_belongs_to_a_stranger_is_healed(workspace: Workspace) -> None:
    start(workspace).close()
    lock = workspace.state / "servers/postgres/postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{lock.parent}\n1700000000\n5432\n/nowhere\n\n  1  1\nready   \n")
    with start(workspace) as servers:
        assert answers(servers)


def test_a_damaged_file_of_the_cache_is_set_aside(workspace: Workspace) -> None:
    with start(workspace) as servers:
        redis.Redis.from_url(servers.redis_url).set("slate", "packed")
    file = workspace.state / "servers/redis/appendonly.aof"
    file.write_bytes(b"*3\r\nnonsense" + file.read_bytes())
    with start(workspace) as servers:
        assert redis.Redis.from_url(servers.redis_url).get("slate") is None
    assert file.with_name("appendonly.aof.damaged").exists()


def test_an_interrupted_first_start_is_begun_anew(workspace: Workspace) -> None:
    half = workspace.make_state() / "servers/postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with start(workspace) as servers:
        assert answers(servers)
    assert not half.exists()


@pytest.mark.parametrize("name", ["a very " + "deep" * 30, 'a "b" $c'])
def test_workspaces_with_long_or_odd_paths_work(tmp_path: Path, name: str) -> None:
    workspace = scaffold(tmp_path / name).workspace
    with start(workspace) as servers:
        assert answers(servers)
        elsewhere = (workspace.state / "servers/run").readlink()
        assert elsewhere.is_dir()
    assert not elsewhere.exists()


def test_the_data_is_closed_to_other_accounts(workspace: Workspace) -> None:
    with start(workspace):
        for name in ("servers/postgres", "servers/redis", "servers/run/pg"):
            assert stat.S_IMODE((workspace.state / name).stat().st_mode) == 0o700, name
        assert not workspace.state.stat().st_mode & 0o066


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(workspace: Workspace) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with start(workspace) as servers:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        assert answers(servers)


def test_a_forked_child_does_not_stop_its_parents_servers(workspace: Workspace) -> None:
    with start(workspace) as servers:
        child = os.fork()
        if child == 0:
            servers.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert answers(servers)
        other = hold(workspace)
        other.communicate()
        assert answers(servers), "the parent still counts as a user"


def test_a_state_folder_that_cannot_be_written_is_one_line(workspace: Workspace) -> None:
    workspace.state.write_text("not a folder")
    with pytest.raises(UnusableEnvironment) as caught:
        start(workspace)
    assert str(workspace.state) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("megabytes", [1, 12, 38, 40])
def test_a_full_disk_is_one_line_and_leaves_nothing_running(tmp_path: Path, megabytes: int) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(small)], check=False, stderr=-1
    )
    if mounted.returncode:
        pytest.skip("may not mount a small file system here")
    try:
        workspace = scaffold(small / "w").workspace
        with pytest.raises(UnusableEnvironment, match=r"(?i)no space left on device; free some disk space") as caught:
            start(workspace)
        assert "\n" not in str(caught.value)
        assert not (workspace.state / "servers/run").exists(), "nothing runs"
        assert not (workspace.state / "servers/postgres.new").exists()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
