"""A shop whose processes die: a runner of stages, and a real mail server on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from tests.faults.checker import Mailbox

Runner = Callable[[Path, dict[str, str]], "subprocess.Popen[str]"]


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """The server's box and the URL of a mailer that hands mails to it."""
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}?starttls=0"
    controller.stop()


@pytest.fixture
def start_runner() -> Iterator[Runner]:
    """Starts `stage_runner` on a workspace."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
        command = [sys.executable, "-m", "tests.faults.stage_runner", str(folder)]
        root = Path(__file__).parents[2]
        process = subprocess.Popen(
            command,
            env={**kept, **environ, "PYTHONPATH": str(root)},
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
