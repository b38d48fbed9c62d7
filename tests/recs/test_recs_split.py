"""A training that is split up among workers is the training that one process does, whoever dies in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from campaigns.cli.main import cli
from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.precompute import artifacts_of, shelf_of
from campaigns.pipeline.recs_champion import challenge, nightly, resume, roll_back
from campaigns.pipeline.recs_contest import hold_contest
from campaigns.pipeline.recs_split import (
    MOST_ATTEMPTS,
    begin_split,
    fit_part,
    is_split,
    job_shelf,
    note_split,
    read_split,
)
from campaigns.pipeline.recs_status import read_status
from campaigns.pipeline.train import read_history
from campaigns.storage.database import statement, transaction
from campaigns.storage.recs import part_turn
from tests.recs.recs_shop import START, event
from triggers.events import EventName
from workers import learners
from workers.app import LEARNERS, MOST_WAITING, configure, waiting
from workers.tasks import hand_out

pytestmark = pytest.mark.servers
ROOT = Path(__file__).parents[2]
SPLIT = {"REKINDLE_RECS_SPLIT_ABOVE": "1"}
COORDINATOR = """
import sys
from datetime import datetime
from pathlib import Path
from campaigns.clock import VirtualClock
from campaigns.pipeline.engine import open_engine
from campaigns.pipeline.recs_champion import nightly
with open_engine(Path(sys.argv[1]), clock=VirtualClock(datetime.fromisoformat(sys.argv[2]))) as engine:
    nightly(engine, hand_out=lambda job, log, parts: None)
"""


@pytest.fixture
def split_shop(engine: Engine, workspace: Workspace, environ: dict[str, str], tmp_path: Path) -> Iterator[Engine]:
    """The shop of these tests as a host sees it whose trainings are split up, with artifacts that others reach."""
    broker = environ["REKINDLE_REDIS_URL"].replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    environ |= SPLIT | {"REKINDLE_RECS_ARTIFACTS_URL": f"file://{tmp_path}/shared", "REKINDLE_BROKER_URL": broker}
    with open_engine(workspace.root, clock=VirtualClock(START), environ=environ) as host:
        yield host


def start(workspace: Workspace, environ: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
    return subprocess.Popen(
        [sys.executable, *words], env={**kept, **environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, start_new_session=True
    )


@pytest.fixture
def learner(split_shop: Engine, workspace: Workspace, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that fits parts, in processes of its own."""
    configure(workspace, split_shop.settings, split_shop.broker_url)
    command = ("-m", "campaigns.cli", "-w", str(workspace.root), "worker", "--learner", "--processes", "2")
    process = start(workspace, environ, *command)
    yield process
    kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline, f"waited two minutes for {what}"
        time.sleep(0.02)


def published(engine: Engine, version: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The records of a version, and the files of its model."""
    shelf = shelf_of(engine)
    with shelf.model_folder(version) as folder:
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return dict(shelf.records(version)), files


def train_alone(engine: Engine) -> tuple[str, dict[str, bytes], dict[str, bytes]]:
    found = challenge(engine, force=True)
    assert found.published is not None and found.ranking == "blend"
    return found.published.version, *published(engine, found.published.version)


def check_same(engine: Engine, alone: tuple[str, dict[str, bytes], dict[str, bytes]], version: str) -> None:
    records, files = published(engine, version)
    assert version == alone[0]
    assert records == alone[1]
    assert {name for name, data in files.items() if data != alone[2].get(name)} == set()
    assert not is_split(engine)
    assert artifacts_of(engine).folders("live/training") == []


@pytest.mark.parametrize("dies", [False, True])
def test_workers_and_one_process_learn_the_same(
    split_shop: Engine, learner: subprocess.Popen[bytes], dies: bool
) -> None:
    alone, made_by = train_alone(split_shop), set[str]()

    def offer(job: str, log: str, parts: Sequence[str]) -> None:
        hand_out(job, log, parts)
        if learner.poll() is None:
            shelf = job_shelf(split_shop, job)
            wait_for(lambda: bool(shelf.done(log)), "a worker to fit a part")
            made_by.update(shelf.maker_of(log, part) for part in shelf.done(log))
            if dies:
                kill(learner)  # in the middle of the next parts

    found = challenge(split_shop, force=True, hand_out=offer).published
    assert found is not None
    assert {one for one in made_by if not one.endswith(f" {os.getpid()}")}
    check_same(split_shop, alone, found.version)


def test_artifacts_that_are_no_folder_do(engine: Engine, workspace: Workspace, environ: dict[str, str]) -> None:
    url = {"REKINDLE_RECS_ARTIFACTS_URL": "memory://split-training"}
    with open_engine(workspace.root, clock=VirtualClock(START), environ=environ | SPLIT | url) as host:
        alone, counts = train_alone(host), [0, 0]

        def offer(job: str, log: str, parts: Sequence[str]) -> None:
            for part in parts[::2]:
                counts[0] += fit_part(host, job, log, part)
                counts[1] += fit_part(host, job, log, part)  # once more, as when a message comes twice

        found = challenge(host, force=True, hand_out=offer).published
        assert found is not None and counts[0] > 20 and counts[1] == 0
        check_same(host, alone, found.version)


def test_a_training_whose_coordinator_died_goes_on(
    split_shop: Engine, workspace: Workspace, environ: dict[str, str]
) -> None:
    alone = hold_contest(read_history(split_shop), "blend")
    assert resume(split_shop) is None
    coordinator = start(workspace, environ, "-c", COORDINATOR, str(workspace.root), START.isoformat())
    try:
        wait_for(lambda: read_split(split_shop).get("window", 0) > 1, "the second window")
        assert resume(split_shop) is None  # it lives
    finally:
        kill(coordinator)
    left = read_split(split_shop)
    shelf = job_shelf(split_shop, left["job"])
    done = {log: set(shelf.done(log)) for log in shelf.logs()}
    assert sum(map(len, done.values())) > 20
    status = read_status(split_shop)
    assert status.split["window"] > 1
    again: dict[str, set[str]] = {}

    def offer(job: str, log: str, parts: Sequence[str]) -> None:
        again[log] = set(parts)

    found = resume(split_shop, hand_out=offer)
    assert found is not None
    assert found.contest.as_json() == alone.as_json()
    assert all(not again[log] & parts for log, parts in done.items())
    assert not is_split(split_shop) and resume(split_shop) is None
    assert artifacts_of(split_shop).folders("live/training") == []


@pytest.mark.parametrize("mishap", ["died too often", "files gone"])
def test_a_training_that_cannot_go_on_is_given_up(split_shop: Engine, mishap: str) -> None:
    assert begin_split(split_shop, read_history(split_shop), hand_out) is not None
    if mishap == "files gone":
        job_shelf(split_shop, read_split(split_shop)["job"]).remove_all()
    else:
        note_split(split_shop, {**read_split(split_shop), "attempt": MOST_ATTEMPTS})
    assert resume(split_shop) is None
    assert not is_split(split_shop)
    assert artifacts_of(split_shop).folders("live/training") == []


def test_a_part_that_is_not_this_workers_to_fit_is_left_alone(split_shop: Engine) -> None:
    assert not fit_part(split_shop, "no such job", "log", "als")
    training = begin_split(split_shop, read_history(split_shop), hand_out)
    assert training is not None
    job = read_split(split_shop)["job"]
    shelf = job_shelf(split_shop, job)
    shelf.put_log("log", lambda folder: None, "another version")
    assert not fit_part(split_shop, job, "log", "als")
    with (
        part_turn(split_shop.database, f"{job}/log/als") as is_ours,
        part_turn(split_shop.database, f"{job}/log/als") as is_theirs,
    ):
        assert is_ours and not is_theirs
    assert shelf.done("log") == []


def test_a_small_shop_trains_in_one_process(engine: Engine, split_shop: Engine) -> None:
    def offer(job: str, log: str, parts: Sequence[str]) -> None:
        raise AssertionError("nobody is asked")

    assert nightly(engine, hand_out=offer) is not None
    assert begin_split(split_shop, read_history(split_shop), offer) is not None
    assert challenge(split_shop, force=True).published is not None
    assert not is_split(split_shop)  # the newer training takes the place of the one that was split up


def train_by_command(workspace: Workspace, environ: dict[str, str], *options: str) -> tuple[str, str]:
    """What the command says on the way, and the version it publishes."""
    command = ["-w", str(workspace.root), "recs", "train", "--force", *options]
    found = CliRunner(env=environ).invoke(cli, command, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stderr, found.stdout.partition("Version ")[2].split()[0]


def test_the_command_shares_its_work_with_learners_and_says_so_where_it_does_not(
    split_shop: Engine,
    workspace: Workspace,
    environ: dict[str, str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said, small = train_by_command(workspace, environ | {"REKINDLE_RECS_SPLIT_ABOVE": "9000000"})
    assert "interactions; more than 9,000,000 (recs.split_above) are split up" in said
    said, alone = train_by_command(workspace, environ)
    assert "Learning in this process alone: no `rekindle worker --learner` answers." in said
    learner: subprocess.Popen[bytes] = request.getfixturevalue("learner")
    wait_for(lambda: bool(learners.find_learners(split_shop)), "a learner to answer")
    made_by = set[str]()

    def offer(job: str, log: str, parts: Sequence[str]) -> None:
        hand_out(job, log, parts)
        shelf = job_shelf(split_shop, job)
        if learner.poll() is None:
            wait_for(lambda: bool(shelf.done(log)), "a worker to fit a part")
            made_by.update(shelf.maker_of(log, part) for part in shelf.done(log))
            kill(learner)  # the rest is fitted by the command

    monkeypatch.setattr(learners, "hand_out", offer)
    said, shared = train_by_command(workspace, environ)
    assert "Sharing the work with learners: " in said
    assert {one for one in made_by if not one.endswith(f" {os.getpid()}")}
    assert small == alone == shared
    assert not is_split(split_shop) and artifacts_of(split_shop).folders("live/training") == []


def test_a_training_that_a_person_breaks_off_ends_for_all(split_shop: Engine) -> None:
    def offer(job: str, log: str, parts: Sequence[str]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        challenge(split_shop, force=True, find_help=lambda count: offer)
    assert not is_split(split_shop) and resume(split_shop) is None
    assert artifacts_of(split_shop).folders("live/training") == []


def test_who_goes_on_with_a_persons_training_does_what_the_person_wanted(split_shop: Engine) -> None:
    challenge(split_shop, force=True)
    ingest_events(split_shop, [event(EventName.PRODUCT_VIEWED, "user-1", START - timedelta(minutes=1), "P7")])
    challenge(split_shop, force=True)
    roll_back(split_shop)
    with transaction(split_shop.database) as connection:
        connection.execute(statement("DELETE FROM products WHERE product_id > 'P2'"))
    history = read_history(split_shop)
    assert begin_split(split_shop, history, hand_out, force=True, is_held=False) is not None
    assert resume(split_shop) is None  # it was begun before the roll-back
    assert not is_split(split_shop)
    assert begin_split(split_shop, history, hand_out, force=True, is_held=True) is not None
    found = resume(split_shop)
    assert found is not None and found.published is not None
    assert "products fell from" in found.reason


def test_status_tells_how_far_a_split_training_is(
    split_shop: Engine, workspace: Workspace, environ: dict[str, str]
) -> None:
    assert begin_split(split_shop, read_history(split_shop), hand_out) is not None
    note_split(split_shop, {**read_split(split_shop), "attempt": 2, "window": 3, "done": 13, "of": 24})
    found = CliRunner(env=environ).invoke(cli, ["-w", str(workspace.root), "recs", "status"], catch_exceptions=False)
    assert "attempt 2" in found.output
    assert "window 3: 13 of 24 sources fitted" in found.output
    assert "stands still" in found.output  # since the day these tests play in
    assert not any("stands still" in alarm for alarm in read_status(split_shop).alarms)


def test_offers_that_nobody_reads_do_not_pile_up(split_shop: Engine, workspace: Workspace) -> None:
    app = configure(workspace, split_shop.settings, split_shop.broker_url)
    for _ in range(MOST_WAITING // 20 + 5):
        hand_out("job", "log", ["als"] * 20)
    with app.connection_for_write() as connection:
        assert MOST_WAITING - 20 <= waiting(connection.default_channel, LEARNERS) <= MOST_WAITING


def test_a_training_does_without_a_broker(
    split_shop: Engine, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    configure(workspace, split_shop.settings, "redis://127.0.0.1:1/0")
    hand_out("job", "log", ["als"])
    assert "offered to nobody" in caplog.text
