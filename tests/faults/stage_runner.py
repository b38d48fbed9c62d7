"""Runs stages in processes that die: `python -m tests.faults.stage_runner FOLDER` reads one command a line.

    run STAGE MOMENT NUMBER   a child runs the stage and exits right "before" or "after" its NUMBER-th commit

The product knows nothing of this: the commits are counted in the database driver's own commit call, and where COMMIT
travels among other statements, around that message. Children are forked from one warm process, so that dying is cheap.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from campaigns.delivery import Mailer, mailer_from_url
from campaigns.pipeline import deliver as delivering
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.pipeline.refresh import refresh

DIED = 77


def main(folder: Path) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "run":
            print(_run(folder, words[0], words[1], int(words[2])), flush=True)


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
    commit, execute = dialect.do_commit, psycopg.ClientCursor.execute

    def reach(now: str) -> None:
        nonlocal commits
        commits += now == "before"
        if commits == number and moment == now:
            os._exit(DIED)

    def do_commit(connection: Any) -> None:
        reach("before")
        commit(connection)
        reach("after")

    def do_execute(cursor: Any, message: bytes) -> None:
        is_commit = b"; COMMIT" in message or message == b"COMMIT"
        if is_commit:
            reach("before")
        execute(cursor, message)
        if is_commit:
            reach("after")

    dialect.do_commit = do_commit
    psycopg.ClientCursor.execute = do_execute  # type: ignore[method-assign]


def _stages(engine: Engine, mailer: Mailer) -> dict[str, Callable[[], object]]:
    return {
        "ingest": lambda: ingest_inbox(engine),
        "decide": lambda: decide_due(engine),
        "deliver": lambda: delivering.deliver(engine, mailer),
        "expire": lambda: delivering.expire(engine),
        "refresh": lambda: refresh(engine),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
