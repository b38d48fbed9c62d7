"""Mails into a Maildir (https://cr.yp.to/proto/maildir.html): the catcher of a workspace, and where
a replay puts its mail.

A file's name derives from `message_ref`: delivering a message again finds it there and adds nothing, in whichever of
`new` and `cur` a mail client keeps it. The file's modification time is the mail's Date, so a listing needs no
parsing to sort.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from campaigns.clock import Clock
from campaigns.delivery.headers import UnsafeMail
from campaigns.delivery.mime import MimeMail, compose, message_id
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import Accepted, OutboundMail, Outcome, Rejected


class MaildirMailer:
    """Delivers into the Maildir `path`, creating it (mode 0700) when it is missing.

    `durable` asks the disk to keep each mail before it counts as accepted; without it a power cut may lose some.
    Raises UnusableEnvironment when the folder cannot be made.
    """

    def __init__(self, path: Path, clock: Clock, *, durable: bool = False) -> None:
        self.path = path
        self._clock = clock
        self._durable = durable
        self._read: set[str] = set()
        self._read_at = -1
        _make_folders(path)

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        """Delivers each mail, atomically. A full or vanished disk is a temporary refusal."""
        self._note_what_was_read()
        return [self._deliver(mail) for mail in mails]

    def check(self) -> str:
        """One line on the folder. Raises UnusableEnvironment when it cannot be written to."""
        probe = self.path / "tmp" / f"check.{uuid4().hex}"
        try:
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            what, fix = (
                f"the Maildir cannot be written to ({error.strerror})",
                "free some space, or choose another folder",
            )
            raise UnusableEnvironment(what, where=str(self.path), fix=fix) from error
        return f"mails go to the folder {self.path}"

    def close(self) -> None:
        """Nothing is kept open."""

    def _deliver(self, mail: OutboundMail) -> Outcome:
        date = self._clock.now()
        try:
            composed = compose(mail, date)
            name = file_name(mail)
            if name not in self._read:
                self._write(name, composed, date)
        except UnsafeMail as error:
            return Rejected(permanent=True, detail=str(error))
        except OSError as error:
            return Rejected(permanent=False, detail=f"{self.path}: {error.strerror or error}")
        return Accepted(provider_id=composed.message_id)

    def _write(self, name: str, composed: MimeMail, date: datetime) -> None:
        draft = self.path / "tmp" / f"{name}.{uuid4().hex}"
        try:
            with draft.open("xb") as file:
                file.write(composed.content.replace(b"\r\n", b"\n"))
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.utime(draft, (date.timestamp(), date.timestamp()))
            _publish(draft, self.path / "new" / name)
        finally:
            draft.unlink(missing_ok=True)

    def _note_what_was_read(self) -> None:
        folder = self.path / "cur"
        try:
            changed_at = folder.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._read = {entry.name.partition(":")[0] for entry in folder.iterdir()}
                self._read_at = changed_at
        except OSError:
            self._read, self._read_at = set(), -1


def file_name(mail: OutboundMail) -> str:
    """The mail's name in any Maildir: the same for the same sender domain and `message_ref`."""
    return sha256(message_id(mail).encode("utf-8", "replace")).hexdigest()[:40] + ".rekindle"


def _publish(draft: Path, target: Path) -> None:
    try:
        os.link(draft, target)  # refuses to replace what is there, which a rename would not
    except FileExistsError:
        return
    except OSError:
        draft.rename(target)  # a file system without hard links


def _make_folders(path: Path) -> None:
    try:
        for folder in ("tmp", "new", "cur"):
            (path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableEnvironment(
            f"the Maildir cannot be made ({error.strerror})", where=str(path), fix="choose a folder you may write to"
        ) from error
