"""Whom the database runs as. PostgreSQL refuses to run as root, so root lends it an account of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaigns.domain.errors import UnusableEnvironment

ACCOUNT = "pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the database's processes; `lent` when it is another than ours."""

    uid: int
    gid: int
    lent: bool

    def as_process(self) -> dict[str, Any]:
        """Arguments for `subprocess` that start a process under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}

    def make_folder(self, folder: Path) -> Path:
        """A folder only this account may look into (and root)."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.lent:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)
        return folder

    def may_reach(self, path: Path) -> None:
        """Lets the account walk to `path`. Above it only the right to pass is added, never the right to list."""
        if not self.lent:
            return
        for folder in path.parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)

    def may_run(self, installation: Path) -> None:
        """Lets the account read and run the programs below `installation`, wherever a strict umask put them."""
        program = installation / "bin" / "postgres"
        if not self.lent or not program.exists():
            return
        self.may_reach(installation)
        if program.stat().st_mode & stat.S_IXOTH and installation.stat().st_mode & stat.S_IXOTH:
            return
        for path in (installation, *installation.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


def database_account() -> Account:
    """The account to run PostgreSQL under. Raises UnusableEnvironment where root cannot make one."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), lent=False)
    entry = _find(ACCOUNT) or _make() or _find("nobody")
    if entry is None:
        fix = f"add one with: useradd {ACCOUNT}, or set REKINDLE_DATABASE_URL"
        raise UnusableEnvironment("PostgreSQL does not run as root and has no account of its own", fix=fix)
    return Account(entry.pw_uid, entry.pw_gid, lent=True)


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make() -> pwd.struct_passwd | None:
    program = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if program is not None:
        subprocess.run([program, "--system", "--shell", "/bin/sh", ACCOUNT], check=False, capture_output=True)  # noqa: S603
    return _find(ACCOUNT)
