"""Talking to the runner of stages."""

from __future__ import annotations

import subprocess


def ask(runner: subprocess.Popen[str], command: str) -> str:
    """One command to the runner, and its answer."""
    tell(runner, command)
    assert runner.stdout is not None
    return runner.stdout.readline().strip()


def tell(runner: subprocess.Popen[str], command: str) -> None:
    assert runner.stdin is not None
    runner.stdin.write(command + "\n")
    runner.stdin.flush()
