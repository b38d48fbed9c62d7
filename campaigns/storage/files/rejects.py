"""Rows that could not be used: why, in a closed list of reasons, and where they are kept for a person to mend."""

from __future__ import annotations

import csv
import os
import tempfile
from collections import Counter
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from campaigns.domain.errors import UnusableEnvironment


class RowFault(StrEnum):
    """Why a row of a file was not used. docs/importing.md explains each."""

    WRONG_VALUE_COUNT = "wrong_value_count"
    NOT_JSON = "not_json"
    MISSING_VALUE = "missing_value"
    UNKNOWN_BEHAVIOUR = "unknown_behaviour"
    UNREADABLE_TIME = "unreadable_time"
    WILD_TIME = "wild_time"
    BAD_NUMBER = "bad_number"
    BAD_VALUE = "bad_value"
    NO_IDENTITY = "no_identity"
    REPEATED_CODE = "repeated_code"


HEADER = ("line", "reason", "detail", "row")


class Rejects:
    """Writes `line,reason,detail,row` for each row refused; the file appears whole at `finish`, or not at all.

    A file of an earlier run is replaced, and removed when nothing is refused any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[RowFault] = Counter()
        self._temporary: Path | None = None
        self._file: IO[str] | None = None
        self._write: Any = None
        self._waiting: list[tuple[int, str, str, str]] = []

    @property
    def total(self) -> int:
        return self.counts.total()

    def add(self, line: int, fault: RowFault, detail: str, row: str) -> None:
        """Keeps one row. `line` counts from 1 and includes a header line."""
        self.counts[fault] += 1
        self._waiting.append((line, fault.value, detail, row))

    def settle(self) -> None:
        """Writes what was added since, in the order of the file. Raises UnusableEnvironment."""
        if not self._waiting:
            return
        try:
            if self._file is None:
                self._open()
            self._write(sorted(self._waiting))
        except OSError as error:
            raise self._unwritable(error) from error
        self._waiting.clear()

    def finish(self) -> Path | None:
        """Puts the file in its place; None when there is nothing to put."""
        self.settle()
        try:
            if self._file is None or self._temporary is None:
                self.path.unlink(missing_ok=True)
                return None
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error
        self._file = self._temporary = None
        return self.path

    def discard(self) -> None:
        """Takes back what was begun and not finished."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
        self._file = self._temporary = None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        self._temporary = Path(name)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
        self._write = csv.writer(self._file).writerows
        self._write([HEADER])

    def _unwritable(self, error: OSError) -> UnusableEnvironment:
        self.discard()
        reason = (error.strerror or str(error)).lower()
        fix = "free space or choose another folder for rejected rows"
        return UnusableEnvironment(f"cannot be written: {reason}", where=str(self.path), fix=fix)
