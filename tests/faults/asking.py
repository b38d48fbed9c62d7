"""Talking to the runner of stages."""

from __future__ import annotations

import subprocess


def ask(runner: subprocess.Popen[str], command: str) -> str:
    """One command to the runner, and its answer."""
    assert runner.stdin is not None and runner.stdout is not None
    runner.stdin.write(command + "\n")
    runner.stdin.flush()
    return runner.stdout.readline().strip()
