"""A place for the servers' sockets. The system cuts a socket's path at about 107 bytes, and workspaces may lie deep."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

_LONGEST = 103  # bytes with the socket's name; Linux takes 107, macOS 103
_PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
_NAME = "pg/.s.PGSQL.5432"  # the longest of the names below


def socket_folder(servers: Path) -> Path:
    """The folder for sockets of the servers in `servers`: `run` there, or a short one that `run` is a link to.

    The folder is made when it is missing; the link is the memory of where it is.
    """
    run = servers / "run"
    if _fits(run):
        run.mkdir(mode=0o711, exist_ok=True)
        return run
    if run.is_symlink():
        elsewhere = run.readlink()
        if _is_ours(elsewhere):
            return elsewhere
        run.unlink()
    elsewhere = _short_folder()
    run.symlink_to(elsewhere)
    return elsewhere


def remove_socket_folder(servers: Path) -> None:
    """Takes the sockets away once the servers have stopped."""
    run = servers / "run"
    if run.is_symlink():
        if _is_ours(run.readlink()):
            shutil.rmtree(run.readlink(), ignore_errors=True)
        run.unlink()
    else:
        shutil.rmtree(run, ignore_errors=True)


def _fits(folder: Path) -> bool:
    """Short enough, and of characters that every program reads alike in an address."""
    return len(os.fsencode(folder / _NAME)) <= _LONGEST and _PLAIN.fullmatch(str(folder)) is not None


def _is_ours(folder: Path) -> bool:
    """A folder in a shared place counts only if nobody else could have put it there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and folder.is_dir() and not folder.is_symlink() and not found.st_mode & 0o022


def _short_folder() -> Path:
    shared = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - the one place every system keeps short
    parent = next((folder for folder in shared if _fits(folder / "rekindle-12345678")), shared[-1])
    folder = Path(tempfile.mkdtemp(prefix="rekindle-", dir=parent))
    folder.chmod(0o711)
    return folder
