"""Compiled layouts on disk, shared by all workers of a workspace, and never more of them than a set number."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import sleep

import orjson

from campaigns.rendering.layout import Layout, Spot, Stretch

MAX_FILES = 20_000
_FILLED = ".filled"
STALE_PART_SECONDS = 3_600
_WAIT_SECONDS = 0.004
_PATIENCE = 1_000  # waits: a worker that was stopped while it compiles holds the others up for four seconds


def read_layout(path: Path) -> Layout | None:
    """The layout stored there, noted as used; None where there is none, or something damaged."""
    try:
        stored = orjson.loads(path.read_bytes())
        stretches = tuple(Stretch(each["start"], each["end"], Spot(each["spot"])) for each in stored["stretches"])
        plain = (tuple(stored[group]) for group in ("plain_css", "plain_addresses", "plain_links"))
        layout = Layout(tuple(stored["pieces"]), tuple(stored["indices"]), stretches, *plain)
        os.utime(path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return layout


def write_layout(path: Path, layout: Layout) -> None:
    """Stores a layout whole or not at all; a full or read-only disk only costs the next process a compile."""
    _write(path, orjson.dumps(asdict(layout)))


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.{id(content):x}.part")
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        return


def read_filled(path: Path | None) -> tuple[int, ...]:
    """Which holes of a shape MJML turned out to need filled, though nothing in the MJML tells; empty where unknown."""
    try:
        return tuple(map(int, orjson.loads(path.with_suffix(_FILLED).read_bytes()))) if path is not None else ()
    except (OSError, ValueError, TypeError):
        return ()


def write_filled(path: Path | None, filled: tuple[int, ...]) -> None:
    """Notes that for the next process."""
    if path is not None:
        _write(path.with_suffix(_FILLED), orjson.dumps(filled))


@contextmanager
def alone(path: Path | None) -> Iterator[None]:
    """While one process or thread is in here with a path, others with the same one wait; should it take too long, or
    the folder take no files, they go on. A process that dies lets go."""
    descriptor = _opened(path) if path is not None else None
    if descriptor is None:
        yield
        return
    try:
        for _ in range(_PATIENCE):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                sleep(_WAIT_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int | None:
    """One lock file for all paths of a folder: there are 256 of these."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path.parent / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def tidy(folder: Path, *, keep: int = MAX_FILES) -> int:
    """Deletes the layouts that were not used for longest until nine tenths of `keep` are left, and what broken-off
    writes left behind; returns how many files went. Below `keep` nothing goes."""
    used = sorted((_used_at(path), path) for path in folder.glob("??/*.*") if path.suffix in (".json", _FILLED))
    latest = used[-1][0] if used else 0.0
    parts = [path for path in folder.glob("??/*.part") if _used_at(path) < latest - STALE_PART_SECONDS]
    surplus = [path for _, path in used[: len(used) - keep * 9 // 10]] if len(used) > keep else []
    for path in (*parts, *surplus):
        path.unlink(missing_ok=True)
    return len(parts) + len(surplus)


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
