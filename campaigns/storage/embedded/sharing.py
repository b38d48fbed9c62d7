"""Several processes share one embedded server: who starts it, who uses it, and who is the last to leave.

Both answers are locks of the kernel, not lists of process ids in a file: a killed process lets go of its locks, so
there is nothing stale to heal and no recycled process id to mistake for a living one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.domain.errors import UnusableEnvironment

_PATIENCE = 120.0  # seconds: a database that recovers from a crash takes its time


@contextmanager
def starting_or_stopping(folder: Path) -> Iterator[None]:
    """Holds the right to start or stop the servers of `folder`; waits for whoever has it."""
    descriptor = _open(folder / "starting.lock")
    try:
        _wait_for(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


class Lease:
    """One use of the servers, held until `leave` or until the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = _open(folder / "in_use.lock")
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def leave(self) -> bool:
        """Ends this use; true when nobody else is left. Call it while holding `starting_or_stopping`."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(self._descriptor)
        return True

    def forget(self) -> None:
        """Closes a descriptor that a forked child inherited; the parent's use goes on."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _wait_for(descriptor: int, folder: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                what = "another process has been starting or stopping the servers for two minutes"
                raise UnusableEnvironment(what, where=str(folder), fix="end it, then try again") from None
            time.sleep(0.02)
