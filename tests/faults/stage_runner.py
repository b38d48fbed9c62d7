"""Runs stages in processes that die: `python -m tests.faults.stage_runner FOLDER` reads one command a line.

    run STAGE MOMENT NUMBER   a child runs the stage and exits right "before" or "after" its NUMBER-th commit
    loop WORKERS SEED KILLS   children run all stages in a loop and are killed at random; ends at the next line

The product knows nothing of this: the commits are counted in the database driver's own commit call. Children are forked
from one warm process, so that dying is cheap enough to happen several times a second.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from campaigns.delivery import Mailer, mailer_from_url
from campaigns.pipeline import deliver as delivering
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_inbox

DIED = 77


def main(folder: Path) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "run":
            print(_run(folder, words[0], words[1], int(words[2])), flush=True)
        elif command == "loop":
            print(_loop(folder, int(words[0]), int(words[1]), int(words[2])), flush=True)


def _run(folder: Path, stage: str, moment: str, number: int) -> int:
    child = os.fork()
    if child == 0:
        _child(lambda: _one_stage(folder, stage, moment, number))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _child(work: Callable[[], None]) -> None:
    status = 1
    try:
        work()
        status = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _one_stage(folder: Path, stage: str, moment: str, number: int) -> None:
    with open_engine(folder) as engine:
        mailer = mailer_from_url(engine.mailer_url, workspace=engine.workspace.root)
        _die_at(engine, moment, number)
        _stages(engine, mailer)[stage]()


def _die_at(engine: Engine, moment: str, number: int) -> None:
    dialect, commits = engine.database.dialect, 0
    real = dialect.do_commit

    def commit(connection: object) -> None:
        nonlocal commits
        commits += 1
        if commits == number and moment == "before":
            os._exit(DIED)
        real(connection)
        if commits == number and moment == "after":
            os._exit(DIED)

    dialect.do_commit = commit


def _stages(engine: Engine, mailer: Mailer) -> dict[str, Callable[[], object]]:
    return {
        "ingest": lambda: ingest_inbox(engine),
        "decide": lambda: decide_due(engine),
        "deliver": lambda: delivering.deliver(engine, mailer),
        "expire": lambda: delivering.expire(engine),
    }


def _loop(folder: Path, workers: int, seed: int, most_kills: int) -> int:
    """Keeps `workers` children running and kills one at random, several times a second. Returns the number of kills."""
    chance, kills = random.Random(seed), 0
    children = {_worker(folder) for _ in range(workers)}
    while not select.select([sys.stdin], [], [], chance.uniform(0.1, 0.5))[0]:
        if kills < most_kills:
            victim = chance.choice(sorted(children))
            os.kill(victim, signal.SIGKILL)
            kills += 1
        while True:
            gone, _ = os.waitpid(-1, os.WNOHANG)
            if not gone:
                break
            children.discard(gone)
            children.add(_worker(folder))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return kills + len(children)


def _worker(folder: Path) -> int:
    child = os.fork()
    if child == 0:
        _child(lambda: _work(folder))
    return child


def _work(folder: Path) -> None:
    delivering.LEASE = timedelta(seconds=3)
    with open_engine(folder) as engine:
        mailer = mailer_from_url(engine.mailer_url, workspace=engine.workspace.root)
        stages = _stages(engine, mailer)
        while True:
            for stage in stages.values():
                stage()
            time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
