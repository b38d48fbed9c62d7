"""Reading a Maildir for an inbox page: the newest first, only the page asked for is opened and parsed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser, Parser
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path

_KEY = re.compile(r"[A-Za-z0-9._=,+-]{1,200}")


@dataclass(frozen=True)
class InboxMail:
    """One mail of a Maildir. `key` names it in links; everything else is read from the file when first asked for."""

    key: str
    path: Path
    delivered_at: datetime

    @cached_property
    def message(self) -> EmailMessage:
        """The mail as the standard library parses it."""
        return parse_mail(self.path.read_bytes())

    @cached_property
    def head(self) -> EmailMessage:
        """The mail without its body: enough for a line of the inbox, at a tenth of the price."""
        with self.path.open("rb") as file:
            return parse_mail(b"".join(iter(lambda: file.readline().rstrip(b"\r\n") + b"\n", b"\n")) + b"\n")

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Every header, decoded, in the order of the mail."""
        return [(name, header_text(self.head, name, raw)) for name, raw in self.head.raw_items()]

    @property
    def subject(self) -> str:
        return self._header("subject")

    @property
    def sender(self) -> str:
        return self._header("from")

    @property
    def recipient(self) -> str:
        return self._header("to")

    @cached_property
    def date(self) -> datetime:
        """The Date header in UTC; the time of delivery when there is none that can be read."""
        try:
            return parsedate_to_datetime(self._header("date")).astimezone(UTC)
        except ValueError:
            return self.delivered_at

    @cached_property
    def html(self) -> str:
        return self._part("html")

    @cached_property
    def text(self) -> str:
        return self._part("plain")

    def _header(self, name: str) -> str:
        return next((text for known, text in self.headers if known.lower() == name), "")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        try:
            content = part.get_content() if part is not None else ""
        except (LookupError, ValueError):  # a charset nobody knows
            content = self.path.read_bytes().decode("utf-8", "replace")
        return content.replace("\r\n", "\n") if isinstance(content, str) else ""


def header_text(message: EmailMessage, name: str, raw: str) -> str:
    """The decoded value of header `name`; `raw` where the standard library falls over it."""
    try:
        return " ".join(str(message.policy.header_fetch_parse(name, raw)).splitlines())
    except (AttributeError, IndexError, ValueError, TypeError):
        return " ".join(raw.split())


def parse_mail(content: bytes) -> EmailMessage:
    """A mail as the standard library sees it, UTF-8 in header values (RFC 6532) included."""
    try:
        return Parser(EmailMessage, policy=policy.default).parsestr(content.decode("utf-8"))
    except UnicodeDecodeError:
        return BytesParser(EmailMessage, policy=policy.default).parsebytes(content)


def read_maildir(path: Path, *, offset: int = 0, limit: int | None = None) -> list[InboxMail]:
    """The mails of `new` and `cur`, newest first; a missing folder is an empty inbox.

    Listing 10,000 mails costs as many `stat` calls; parsing is left to the mails that are looked into.
    """
    newest_first = sorted(_entries(path), key=lambda mail: (mail.delivered_at, mail.key), reverse=True)
    return newest_first[offset : None if limit is None else offset + limit]


def count_maildir(path: Path) -> int:
    """How many mails `read_maildir` would list."""
    return sum(1 for _ in _files(path))


def find_mail(path: Path, key: str) -> InboxMail | None:
    """The mail with this key, wherever a mail client has moved it; None for no such mail (or a key that is none)."""
    if not _KEY.fullmatch(key) or key.startswith("."):
        return None
    candidate = path / "new" / key
    if not candidate.is_file():
        candidate = next((Path(entry.path) for entry in _files(path) if _key(entry.name) == key), candidate)
    return _mail(candidate, candidate.stat().st_mtime) if candidate.is_file() else None


def _entries(path: Path) -> Iterator[InboxMail]:
    for entry in _files(path):
        try:
            yield _mail(Path(entry.path), entry.stat().st_mtime)
        except FileNotFoundError:  # a mail client has just moved or deleted it
            continue


def _files(path: Path) -> Iterator[os.DirEntry[str]]:
    for folder in ("new", "cur"):
        try:
            with os.scandir(path / folder) as entries:
                yield from (entry for entry in entries if not entry.name.startswith("."))
        except FileNotFoundError:
            continue


def _mail(path: Path, modified: float) -> InboxMail:
    return InboxMail(_key(path.name), path, datetime.fromtimestamp(modified, UTC))


def _key(name: str) -> str:
    return name.partition(":")[0]
