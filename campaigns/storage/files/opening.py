"""Opens a shop's file whatever it is called: kind and compression are told by its first bytes, errors in one line."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from campaigns.domain.errors import InvalidInput, UnusableEnvironment, WrongUsage

_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a zip or Excel file; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save it as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it first, or use gzip",
    b"BZh": "compressed with bzip2; unpack it first, or use gzip",
    b"\xfd7zXZ": "compressed with xz; unpack it first, or use gzip",
    b"%PDF": "a PDF; save it as CSV",
    b"\xff\xfe": "in UTF-16; save it as UTF-8",
    b"\xfe\xff": "in UTF-16; save it as UTF-8",
}


class FileKind(StrEnum):
    """What a file holds, compressed or not."""

    CSV = "CSV"
    JSON_LINES = "NDJSON"
    PARQUET = "Parquet"


class OpenedFile:
    """A file being read: its kind, its unpacked bytes, and how far the reading is (0 to 1, by bytes on the disk)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with one_line(path):
            self._disk: IO[bytes] = path.open("rb")
            self._size = path.stat().st_size
            packed = self._disk.read(2) == _GZIP
            self._disk.seek(0)
            self.stream = cast("IO[bytes]", gzip.GzipFile(fileobj=self._disk)) if packed else self._disk
            self.kind = _kind_of(path, self.stream.read(4096))
            self.stream.seek(0)

    @property
    def progress(self) -> float:
        return 1.0 if self._disk.closed or not self._size else min(1.0, self._disk.tell() / self._size)

    def seekable_bytes(self) -> IO[bytes]:
        """The unpacked bytes for readers that jump about; a packed Parquet file is unpacked into memory."""
        return self._disk if self.stream is self._disk else io.BytesIO(self.stream.read())

    def close(self) -> None:
        self._disk.close()


@contextmanager
def one_line(path: Path) -> Iterator[None]:
    """Turns whatever goes wrong while reading `path` into one line that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise WrongUsage("there is no such file", where=str(path)) from error
    except IsADirectoryError as error:
        raise WrongUsage("this is a folder, not a file", where=str(path)) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput("the gzip data is cut off or damaged", where=str(path), fix="fetch it again") from error
    except UnicodeDecodeError as error:
        fix = "save it as UTF-8, or say `encoding: latin-1` in a map given by --map"
        raise InvalidInput(f"it is not {error.encoding.upper()} text", where=str(path), fix=fix) from error
    except csv.Error as error:
        raise InvalidInput(
            f"not readable as CSV: {error}", where=str(path), fix='look for a " that is not closed'
        ) from error
    except pa.ArrowException as error:
        raise InvalidInput(f"not readable as Parquet: {str(error).splitlines()[0]}", where=str(path)) from error
    except OSError as error:
        raise UnusableEnvironment(
            f"cannot be read: {(error.strerror or str(error)).lower()}", where=str(path)
        ) from error


def _kind_of(path: Path, start: bytes) -> FileKind:
    if not start.strip():
        raise InvalidInput("the file is empty", where=str(path))
    if start.startswith(b"PAR1"):
        return FileKind.PARQUET
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise InvalidInput(f"this is {what}", where=str(path))
    if b"\x00" in start:
        raise InvalidInput("this is not a CSV, NDJSON or Parquet file, plain or gzip", where=str(path))
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"[":
        fix = "write one JSON object per line"
        raise InvalidInput("this is one JSON array, not NDJSON", where=str(path), fix=fix)
    return FileKind.JSON_LINES if first == b"{" else FileKind.CSV
