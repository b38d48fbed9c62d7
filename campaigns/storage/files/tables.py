"""CSV, NDJSON and Parquet as one thing: chunks of rows with their line numbers, asked for by column."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import IO, Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from campaigns.domain.errors import InvalidInput
from campaigns.storage.files.opening import FileKind, OpenedFile, one_line
from campaigns.storage.files.rejects import Rejects, RowFault

CHUNK_ROWS = 10_000
_DELIMITERS = ",;\t|"


class Chunk(ABC):
    """Some consecutive rows. `lines[i]` is the line of row i in the file (of a Parquet file: its row number)."""

    lines: Sequence[int]

    @cached_property
    def texts(self) -> dict[str, Sequence[str | None]]:
        """Columns already made clean text."""
        return {}

    @abstractmethod
    def column(self, name: str) -> Sequence[Any]:
        """The values of a column, one a row; None or "" where there is none."""

    @abstractmethod
    def raw(self, row: int) -> str:
        """Row `row` as text, for people."""

    def content(self, row: int) -> bytes:
        """Row `row` as bytes that no row of other values has."""
        return self.raw(row).encode()

    def __len__(self) -> int:
        return len(self.lines)


class Table(ABC):
    """A file as rows. `columns` are the names known before reading on: of NDJSON, those of the first row."""

    file: OpenedFile
    columns: tuple[str, ...]
    open_ended = False  # whether rows may have columns that the first one has not

    @abstractmethod
    def chunks(self, rejects: Rejects) -> Iterator[Chunk]:
        """All rows in order; what is no row goes to `rejects`."""


def open_table(file: OpenedFile, *, delimiter: str = "", encoding: str = "utf-8") -> Table:
    """The table in `file`; the first line of a CSV counts as its header until `name_columns`. Raises InvalidInput."""
    with one_line(file.path):
        if file.kind is FileKind.PARQUET:
            return ParquetTable(file)
        if file.kind is FileKind.JSON_LINES:
            return JsonLinesTable(file)
        return CsvTable(file, delimiter, encoding)


class _RowsChunk(Chunk):
    def __init__(self, lines: list[int], rows: list[list[str]], places: Mapping[str, int]) -> None:
        self.lines = lines
        self._rows, self._places = rows, places

    @cached_property
    def _columns(self) -> list[tuple[str, ...]]:
        return list(zip(*self._rows, strict=True))

    def column(self, name: str) -> Sequence[Any]:
        return self._columns[self._places[name]]

    def raw(self, row: int) -> str:
        return as_csv(self._rows[row])

    def content(self, row: int) -> bytes:
        return "\x1f".join(self._rows[row]).encode()


class CsvTable(Table):
    """Delimited text. The delimiter is the one most used in the first line unless it is given."""

    def __init__(self, file: OpenedFile, delimiter: str, encoding: str) -> None:
        self.file = file
        self._text = io.TextIOWrapper(
            file.stream, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline=""
        )
        _read_through(self._text)
        first_line = self._text.readline()
        while first_line and not first_line.strip():
            first_line = self._text.readline()
        self._text.seek(0)
        delimiter = delimiter or max(_DELIMITERS, key=first_line.count)
        self._reader = csv.reader(self._text, delimiter=delimiter)
        self.first_row = next((row for row in self._reader if row), [])
        self._first_line = self._reader.line_num
        self.columns = tuple(name.strip() for name in self.first_row)
        self.headless = False

    def chunks(self, rejects: Rejects) -> Iterator[Chunk]:
        places = {name: place for place, name in enumerate(self.columns)}
        lines, rows = ([self._first_line], [self.first_row]) if self.headless else ([], [])
        width, before = len(self.columns), self._first_line
        with one_line(self.file.path):
            for row in self._reader:
                if len(row) == width:
                    lines.append(before + 1)
                    rows.append(row)
                elif row:
                    detail = f"{len(row)} values instead of {width}"
                    rejects.add(before + 1, RowFault.WRONG_VALUE_COUNT, detail, as_csv(row))
                before = self._reader.line_num
                if len(rows) == CHUNK_ROWS:
                    yield _RowsChunk(lines, rows, places)
                    lines, rows = [], []
        if rows:
            yield _RowsChunk(lines, rows, places)

    def name_columns(self, names: Sequence[str]) -> None:
        """Takes the first line as a row where it is not the header that `names` are. Raises InvalidInput for a header
        that calls two columns the same."""
        self.headless = len(names) == len(self.columns) and not set(names) & set(self.columns)
        if self.headless:
            self.columns = tuple(names)
        double = next((name for name in self.columns if name and self.columns.count(name) > 1), None)
        if double is not None:
            raise InvalidInput(f"two columns are called `{double}`", where=f"{self.file.path}:{self._first_line}")


class ObjectsChunk(Chunk):
    """Rows of NDJSON, kept as the objects they are."""

    def __init__(self, lines: list[int], rows: list[dict[str, Any]]) -> None:
        self.lines, self.rows = lines, rows

    def column(self, name: str) -> Sequence[Any]:
        if "." not in name:
            return [row.get(name) for row in self.rows]
        path = name.split(".")
        return [_dig(row, name, path) for row in self.rows]

    def raw(self, row: int) -> str:
        return orjson.dumps(self.rows[row]).decode()


class JsonLinesTable(Table):
    """One JSON object a line. A column named `a.b` is the value of `b` within `a`."""

    open_ended = True

    def __init__(self, file: OpenedFile) -> None:
        self.file = file
        _read_through(file.stream)
        self.first_object: dict[str, Any] = {}
        for line in file.stream:
            found = _object(line)
            if isinstance(found, dict):
                self.first_object = found
                break
        file.stream.seek(0)
        if not self.first_object:
            raise InvalidInput("no line holds a JSON object", where=str(file.path))
        self.columns = tuple(_leaves(self.first_object))

    def chunks(self, rejects: Rejects) -> Iterator[ObjectsChunk]:
        lines: list[int] = []
        rows: list[dict[str, Any]] = []
        with one_line(self.file.path):
            for number, line in enumerate(self.file.stream, start=1):
                found = _object(line)
                if isinstance(found, dict):
                    lines.append(number)
                    rows.append(found)
                elif found is not None:
                    rejects.add(number, RowFault.NOT_JSON, found, line.decode("utf-8", "replace").rstrip("\r\n"))
                if len(rows) == CHUNK_ROWS:
                    yield ObjectsChunk(lines, rows)
                    lines, rows = [], []
        if rows:
            yield ObjectsChunk(lines, rows)


class _ArrowChunk(Chunk):
    def __init__(self, first: int, table: Any) -> None:
        self.lines = range(first, first + table.num_rows)
        self._table = table

    @cached_property
    def _columns(self) -> dict[str, list[Any]]:
        return self._table.to_pydict()  # type: ignore[no-any-return]

    def column(self, name: str) -> Sequence[Any]:
        return self._columns[name]

    def raw(self, row: int) -> str:
        values = {name: values[row] for name, values in self._columns.items()}
        return orjson.dumps(values, default=str).decode()


class ParquetTable(Table):
    """A Parquet file; nested columns are named `a.b`."""

    def __init__(self, file: OpenedFile) -> None:
        self.file = file
        self._parquet = parquet.ParquetFile(file.seekable_bytes())
        self.columns = tuple(_flat(self._parquet.schema_arrow.empty_table()).column_names)
        if self._parquet.metadata.num_rows == 0:
            raise InvalidInput("the file holds no rows", where=str(file.path))

    def chunks(self, rejects: Rejects) -> Iterator[Chunk]:
        first = 1
        with one_line(self.file.path):
            for batch in self._parquet.iter_batches(batch_size=CHUNK_ROWS):
                yield _ArrowChunk(first, _flat(pa.Table.from_batches([batch])))
                first += batch.num_rows


def _read_through(stream: IO[Any]) -> None:
    """Meets a cut-off archive or a wrong encoding before the first row is used, not after a million of them."""
    while stream.read(1 << 20):
        pass
    stream.seek(0)


def _flat(table: Any) -> Any:
    while any(pa.types.is_struct(column.type) for column in table.schema):
        table = table.flatten()
    return table


def as_csv(row: Sequence[str]) -> str:
    """A row as one line of CSV, without the line end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row)
    return out.getvalue()


def _object(line: bytes) -> dict[str, Any] | str | None:
    """The object of a line, or what is wrong with it; None for a blank line."""
    line = line.removeprefix(b"\xef\xbb\xbf").strip()
    if not line:
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return str(error)
    return found if isinstance(found, dict) else "not a JSON object"


def _dig(row: Mapping[str, Any], name: str, path: Sequence[str]) -> Any:
    if name in row:
        return row[name]
    found: Any = row
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _leaves(row: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        yield above + name
