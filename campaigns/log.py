"""Logging: one line an event, quiet by default, and without anybody's address, password or key.

A line is `time level name message field=value ...`; fields are what a caller passes as `extra`. The output of commands
is not logging: what a person asked for goes to stdout, what went wrong to stderr as one sentence.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO, Any

import orjson

_OWN = ("campaigns", "triggers", "recsys", "workers")
_HANDLER = "rekindle"
_USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+=?^_`{|}~-]+@(?=[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):(?:[^\s/]*)@(?=[^\s@/]+)")
_URL_KEY = re.compile(r"(?<=://)[^\s:/@]+@")
_NAMED_SECRET = re.compile(
    r"""(?ix)\b((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key|write[_-]?key)|authorization)["']?\s*[:=]\s*)
    (?:(?:basic|bearer)\s+)?("[^"]*"|'[^']*'|[^\s,;&}]+)"""
)
_HIDDEN = "***"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the passwords in addresses of servers, values that are named as secrets, the given `secrets`, and
    the names before the @ of mail addresses; the domain stays, for it tells a delivery problem."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    text = _URL_PASSWORD.sub(rf"\1:{_HIDDEN}@", text)
    text = _URL_KEY.sub(f"{_HIDDEN}@", text)
    text = _NAMED_SECRET.sub(rf"\1{_HIDDEN}", text)
    return _ADDRESS.sub(_without_name, text)


def configure(
    *, level: str = "warning", as_json: bool = False, secrets: Iterable[str] = (), stream: IO[str] | None = None
) -> None:
    """Sends our own log lines of `level` and above to `stream` (stderr), and warnings of everybody else's.

    `secrets` are texts that must not occur in any line, whatever brings them there. May be called again.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(_Redacting(as_json, secrets))
    root = logging.getLogger()
    for old in [each for each in root.handlers if each.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OWN:
        logging.getLogger(name).setLevel(level.upper())


class _Redacting(logging.Formatter):
    """Formats a record with its fields as one line, JSON or text, and redacts the whole of it, tracebacks too."""

    def __init__(self, as_json: bool, secrets: Iterable[str]) -> None:
        super().__init__()
        self._as_json = as_json
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _USUAL}
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        write = self._json if self._as_json else self._text
        return redact(write(record, fields, trace), self._secrets)

    def _text(self, record: logging.LogRecord, fields: dict[str, Any], trace: str) -> str:
        words = [f"{name}={_value(value)}" for name, value in fields.items()]
        head = f"{_at(record)} {record.levelname.lower()} {record.name} {_flat(record.getMessage())}"
        return " ".join((head, *words)) + (f"\n{trace}" if trace else "")

    def _json(self, record: logging.LogRecord, fields: dict[str, Any], trace: str) -> str:
        known = {"at": _at(record), "level": record.levelname.lower(), "logger": record.name}
        line = {**known, "message": record.getMessage(), **fields, **({"trace": trace} if trace else {})}
        return orjson.dumps(line, default=str).decode()


def _without_name(found: re.Match[str]) -> str:
    """Keeps `***@host` of a server's address that is redacted already, hides the name of anything else."""
    return found[0] if found[0].endswith(f"{_HIDDEN}@") else f"{_HIDDEN}@"


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _flat(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _value(value: object) -> str:
    text = _flat(str(value))
    return f'"{text}"' if " " in text or text == "" else text
