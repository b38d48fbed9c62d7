"""`rekindle worker`, `beat`, and `up`, which runs them and the web process in one terminal."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from celery.signals import worker_ready

from campaigns.cli.output import Output
from campaigns.config import Workspace, load_settings
from campaigns.domain.errors import UnusableEnvironment
from campaigns.log import configure as set_up_logging
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.policy import shop_policy
from campaigns.storage.campaigns import list_campaigns
from campaigns.storage.database import transaction
from campaigns.storage.embedded import ensure_servers
from campaigns.web.server import listen
from workers.app import LEARNERS, configure
from workers.app import app as celery

_PARTS = ("serve", "worker", "beat")
_STOP_SECONDS = 20


@click.command()
@click.option("--processes", type=click.IntRange(1), help="Worker processes (default: workers.processes).")
@click.option("--learner", is_flag=True, help="Only fit parts of large trainings; everything else is left to others.")
@click.pass_obj
def worker(output: Output, processes: int | None, learner: bool) -> None:
    """Runs the background worker: ingest, decide, deliver, train."""
    workspace = Workspace.at(output.workspace)
    settings = load_settings(workspace, os.environ)
    set_up_logging(secrets=settings.secrets)
    with ensure_servers(workspace, settings) as servers:
        app = configure(workspace, settings, servers.broker_url)
        if not learner:
            worker_ready.connect(_begin, weak=False)
        count = processes or settings.workers.processes
        arguments = ["worker", "--loglevel=warning", f"--concurrency={count}", "--without-gossip", "--without-mingle"]
        app.worker_main([*arguments, f"--queues={LEARNERS if learner else app.conf.task_default_queue}"])


def _begin(**_: object) -> None:
    """A worker that starts does not wait for the schedule: a new shop has no slates yet, and a new version of its
    templates is not compiled."""
    celery.send_task("rekindle.train")
    celery.send_task("rekindle.warm")


@click.command()
@click.pass_obj
def beat(output: Output) -> None:
    """Runs the clock that wakes the workers. A second one does no harm."""
    workspace = Workspace.at(output.workspace)
    settings = load_settings(workspace, os.environ)
    set_up_logging(secrets=settings.secrets)
    with ensure_servers(workspace, settings) as servers:
        configure(workspace, settings, servers.broker_url).Beat(loglevel=logging.WARNING, quiet=True).run()


@click.command()
@click.pass_obj
def up(output: Output) -> None:
    """Runs web process, worker and beat in one terminal; Ctrl-C ends all of them."""
    with open_engine(output.workspace) as engine:
        set_up_logging(secrets=engine.settings.secrets)
        http = engine.settings.http
        listen(http.host, http.port).close()
        _apply_first_campaigns(output, engine)
        children = [_start(engine.workspace.root, part) for part in _PARTS]
        try:
            _watch(children)
        except KeyboardInterrupt:
            output.line("Stopping ...")
        finally:
            _end(children)


def _apply_first_campaigns(output: Output, engine: Engine) -> None:
    with transaction(engine.database) as connection:
        applied = {campaign.campaign_id: campaign.definition for campaign in list_campaigns(connection)}
    files = read_campaign_files(engine.workspace.campaigns, engine.templates, shop_policy(engine.settings))
    if not applied:
        done = apply_files(engine, files, by="up")
        output.line(f"Campaigns in force: {', '.join(done.added)}.")
    elif {i: file.text for i, file in files.items()} != applied:
        output.line("The campaign files differ from what is in force: see `rekindle campaigns plan`.")


def _start(folder: Path, part: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "campaigns.cli", "--workspace", str(folder), part]
    return subprocess.Popen(command, start_new_session=True)


def _watch(children: Sequence[subprocess.Popen[bytes]]) -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    while True:
        for part, child in zip(_PARTS, children, strict=True):
            status = child.poll()
            if status is not None:
                raise UnusableEnvironment(f"{part} ended with status {status}", fix="see its last lines above")
        time.sleep(0.3)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
