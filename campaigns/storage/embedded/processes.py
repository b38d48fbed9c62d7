"""What both servers need: start a program that outlives us, wait until it answers, say why it did not."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from campaigns.domain.errors import UnusableEnvironment

_OURS: list[subprocess.Popen[bytes]] = []  # children that other processes may stop: kept so that they can be reaped
_LOG_KEPT = 5_000_000  # bytes


def spawn(command: Sequence[str | Path], log: Path, **process: Any) -> subprocess.Popen[bytes]:
    """Starts a server in a session of its own, so that Ctrl-C in our terminal does not reach it."""
    _reap()
    _turn_over(log)
    with log.open("ab") as out:
        child = subprocess.Popen(  # noqa: S603
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            **process,
        )
    _OURS.append(child)
    return child


def wait_until(answers: Callable[[], bool], alive: Callable[[], bool], *, seconds: float) -> bool:
    """True as soon as `answers()`; false when `alive()` ends or the time is over."""
    give_up = time.monotonic() + seconds
    while not answers():
        if not alive() or time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def wait_gone(alive: Callable[[], bool], *, seconds: float) -> bool:
    """True when the server has ended within `seconds`."""
    give_up = time.monotonic() + seconds
    while alive():
        _reap()
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def did_not_start(name: str, log: Path, folder: Path, said: str = "") -> UnusableEnvironment:
    """The one line for a server that does not come up: its own last words, and where the rest stands."""
    reason = said or _last_words(log) or "it said nothing"
    full = "no space left" in reason.lower()
    fix = "free some disk space" if full else f"see {log}" if log.exists() else "check the folder"
    return UnusableEnvironment(f"{name} does not start: {reason}", where=str(folder), fix=fix)


def last_line(text: str) -> str:
    """The line of a server's output that tells most: the last error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if any(word in line for word in ("FATAL:", "PANIC:", "error:", "FATAL CONFIG"))]
    last = (errors or lines or [""])[-1]
    return re.sub(r"^.*?(?:FATAL|PANIC|error):\s*", "", last)


def _last_words(log: Path) -> str:
    try:
        return last_line(log.read_text(encoding="utf-8", errors="replace")[-4000:])
    except OSError:
        return ""


def _turn_over(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_KEPT:
        log.replace(log.with_suffix(".old.log"))


def _reap() -> None:
    _OURS[:] = [child for child in _OURS if child.poll() is None]
