"""Whole journeys: a workspace with everything real behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Rekindle = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def rekindle() -> Rekindle:
    """Runs the command line as a user does, in a process of its own."""

    def run(*arguments: object, cwd: Path | None = None, timeout: float = 600, **environ: str):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
        return subprocess.run(
            [sys.executable, "-m", "campaigns.cli", *map(str, arguments)],
            cwd=cwd,
            env={**kept, "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
