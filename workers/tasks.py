"""Tasks: each a few lines that call a stage until there is nothing left, within bounds, and wake the next one."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

from celery.signals import worker_process_init, worker_process_shutdown
from kombu.exceptions import OperationalError

from campaigns.delivery import Mailer, mailer_from_url
from campaigns.pipeline import deliver as delivering
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.pipeline.precompute import make_slice
from campaigns.pipeline.recs_champion import nightly, resume
from campaigns.pipeline.recs_split import fit_part
from campaigns.pipeline.refresh import refresh
from campaigns.pipeline.tell import tell_changes
from campaigns.pipeline.tidy import tidy as tidy_up
from campaigns.pipeline.warm import warm_templates
from workers.app import LEARNERS, MOST_WAITING, app, waiting

_log = logging.getLogger(__name__)
ROUNDS = 40
"""How often one task calls its stage at most; what is left is the next task's."""
TASK_SECONDS = 10.0
"""How long one task goes on calling its stage."""
_SOON = timedelta(seconds=1)


LONG: Final = {"acks_late": False, "soft_time_limit": 4 * 3600, "time_limit": 4 * 3600 + 60}
"""Training may outlast the broker's visibility timeout: such a task is taken off the queue at once, or it would run
twice. One that dies is made up for by the schedule."""


class _Process:
    """What a worker process keeps open between tasks."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._engine: Engine | None = None
        self._mailer: Mailer | None = None

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._stack.enter_context(open_engine(Path(app.conf.rekindle_workspace)))
        return self._engine

    @property
    def mailer(self) -> Mailer:
        if self._mailer is None:
            self._mailer = mailer_from_url(self.engine.mailer_url, workspace=self.engine.workspace.root)
            self._stack.callback(self._mailer.close)
        return self._mailer

    def close(self) -> None:
        self._stack.close()
        self._engine = self._mailer = None


_process = _Process()


@worker_process_init.connect
def _start(**_: Any) -> None:
    _process.engine.templates.expect_many()
    _process.engine.templates.names()
    gc.collect()
    gc.freeze()  # what was loaded stays: looking through it again would hold a batch up by a tenth of a second


@worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    _process.close()


def _rounds() -> Iterator[int]:
    """Rounds of one task: bounded in number and in time, so that a worker that is told to stop soon does."""
    ends_at = monotonic() + TASK_SECONDS
    for number in range(ROUNDS):
        if monotonic() > ends_at:
            return
        yield number


@app.task(name="rekindle.ingest")
def ingest() -> None:
    """Applies waiting batches of events; wakes `decide` where a timer is due at once."""
    for _ in _rounds():
        report = ingest_inbox(_process.engine)
        if report.next_due_at is not None and report.next_due_at <= _process.engine.clock.now() + _SOON:
            decide.apply_async()
        if not report.batches:
            return


@app.task(name="rekindle.tell")
def tell() -> None:
    """Tells shoppers of lower prices and returns to stock."""
    for _ in _rounds():
        if tell_changes(_process.engine).is_all:
            return


@app.task(name="rekindle.decide")
def decide() -> None:
    """Decides due timers; wakes `deliver` where mail was queued."""
    for _ in _rounds():
        report = decide_due(_process.engine)
        if report.queued:
            deliver.apply_async()
        if not report.claimed:
            return


@app.task(name="rekindle.deliver")
def deliver() -> None:
    """Hands queued messages over."""
    for _ in _rounds():
        if not delivering.deliver(_process.engine, _process.mailer, seconds=TASK_SECONDS):
            return


@app.task(name="rekindle.expire")
def expire() -> None:
    """Settles messages whose sender died."""
    delivering.expire(_process.engine)


@app.task(name="rekindle.train", **LONG)
def train() -> None:
    """Refreshes slates and neighbours from the history, where something new happened."""
    refresh(_process.engine, _spread)


@app.task(name="rekindle.train_full", **LONG)
def train_full() -> None:
    """Trains a challenger for the version in force; it goes live only if it does not lose."""
    nightly(_process.engine, _spread, hand_out)


@app.task(name="rekindle.train_resume", **LONG)
def train_resume() -> None:
    """Goes on with a training whose coordinator died."""
    resume(_process.engine, _spread, hand_out)


@app.task(name="rekindle.fit", **LONG)
def fit(job: str, log: str, part: str) -> None:
    """Fits one source of a training; the coordinator fits it itself where this is lost."""
    fit_part(_process.engine, job, log, part)


def hand_out(job: str, log: str, parts: Sequence[str]) -> None:
    """Offers parts to whoever runs `rekindle worker --learner`; to nobody where many offers wait unread already, or the
    broker is gone: the coordinator needs nobody."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)
            if waiting(connection.default_channel, LEARNERS) + len(parts) > MOST_WAITING:
                return
        for part in parts:
            fit.apply_async((job, log, part))
    except OperationalError as error:
        _log.warning("parts of a training are offered to nobody: %s", error)


@app.task(name="rekindle.slates", acks_late=False)
def slates(version: str, profile_ids: list[str], keep_as: str = "") -> None:
    """Makes the slates of one slice of profiles; the next refresh makes up for one that is lost."""
    make_slice(_process.engine, version, profile_ids, keep_as)


def _spread(version: str, slices: Sequence[Sequence[str]], are_kept: bool) -> None:
    for number, ids in enumerate(slices):
        name = f"slice-{number:05d}" if are_kept else ""
        slates.apply_async((version, list(ids), name), expires=3600)


@app.task(name="rekindle.warm", acks_late=False)
def warm() -> None:
    """Compiles what the running campaigns may send, before the first mail needs it."""
    warm_templates(_process.engine)


@app.task(name="rekindle.tidy")
def tidy() -> None:
    """Drops what is kept for a bounded time only."""
    tidy_up(_process.engine)
