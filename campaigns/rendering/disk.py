"""Compiled layouts on disk, shared by all workers of a workspace, and never more of them than a set number."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import orjson

from campaigns.rendering.layout import Layout, Spot, Stretch

MAX_FILES = 20_000
STALE_PART_SECONDS = 3_600


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.{id(layout):x}.part")
        part.write_bytes(orjson.dumps(asdict(layout)))
        part.replace(path)
    except OSError:
        return


def tidy(folder: Path, *, keep: int = MAX_FILES) -> int:
    """Deletes the layouts that were not used for longest until nine tenths of `keep` are left, and what broken-off
    writes left behind; returns how many files went. Below `keep` nothing goes."""
    used = sorted((_used_at(path), path) for path in folder.glob("??/*.json"))
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
