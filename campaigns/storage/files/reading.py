"""Opens a shop's file for import or replay: finds the map, reads batches, keeps the rejected rows."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from campaigns.domain.errors import InvalidInput
from campaigns.domain.product import Product
from campaigns.storage.files.coupons import CodeLine, CouponRows, Keep
from campaigns.storage.files.events import EventRows
from campaigns.storage.files.mapping import ColumnMap, RowKind, built_in_maps, load_map
from campaigns.storage.files.opening import OpenedFile
from campaigns.storage.files.products import ProductRows
from campaigns.storage.files.profiles import ProfileRows
from campaigns.storage.files.rejects import Rejects, RowFault
from campaigns.storage.files.segment_lines import SegmentRows, looks_like_segment
from campaigns.storage.files.tables import Chunk, CsvTable, JsonLinesTable, Table, open_table
from triggers.events import Event

T = TypeVar("T")


class ShopFile(Generic[T]):
    """A file being read once, batch by batch: `for batch in file`. Afterwards `accepted`, `rejected` and
    `rejects_file` say what became of the rows. Leaving the loop early keeps no rejects file.

    `note` is a sentence for the person who started it: what the file is and by which map it is read.
    """

    def __init__(self, table: Table, read: Callable[[Chunk, Rejects], list[T]], rejects: Path, note: str) -> None:
        self._table, self._read = table, read
        self._rejects = Rejects(rejects)
        self.note = note
        self.accepted = 0
        self.rejects_file: Path | None = None

    @property
    def rejected(self) -> Counter[RowFault]:
        """Rows refused so far, by reason."""
        return self._rejects.counts

    @property
    def progress(self) -> float:
        """How far the reading is, 0 to 1."""
        return self._table.file.progress

    def __iter__(self) -> Iterator[list[T]]:
        try:
            for chunk in self._table.chunks(self._rejects):
                with _without_collector():
                    batch = self._read(chunk, self._rejects)
                self._rejects.settle()
                self.accepted += len(batch)
                if batch:
                    yield batch
            self.rejects_file = self._rejects.finish()
        finally:
            self._rejects.discard()
            self._table.file.close()

    def read_all(self) -> list[T]:
        """Everything at once, in the order of the file."""
        return [each for batch in self for each in batch]


@contextmanager
def _without_collector() -> Iterator[None]:
    """A chunk makes many lasting objects and no cycles: searching for cycles meanwhile takes a third of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def open_events(
    path: Path,
    *,
    column_map: Path | ColumnMap | None = None,
    rejects: Path | None = None,
    received_at: datetime | None = None,
    currency: str | None = None,
) -> ShopFile[Event]:
    """Events in a CSV, NDJSON or Parquet file, gzip or not.

    Without a map the file must be one that a built-in map knows, or hold Segment messages. `received_at` None means
    each event was received when it occurred (replay); `currency` is that of amounts without one. Rejected rows go to
    `rejects`, by default `<file>.rejects.csv`. Raises InvalidInput, UnusableEnvironment or WrongUsage in one line.
    """
    table, found, note = _open(path, RowKind.EVENTS, column_map)
    if found is None:
        segment = SegmentRows(source="file", currency=currency)
        return ShopFile(table, lambda chunk, bin_: segment.read(chunk, bin_, received_at), _beside(path, rejects), note)
    rows = EventRows(table, found, currency=currency, where=str(path))
    return ShopFile(table, lambda chunk, bin_: rows.read(chunk, bin_, received_at), _beside(path, rejects), note)


def open_catalog(
    path: Path, *, column_map: Path | ColumnMap | None = None, rejects: Path | None = None, currency: str
) -> ShopFile[Product]:
    """Products in a file; `currency` is that of prices without one. The rest is as for `open_events`."""
    table, found, note = _open(path, RowKind.CATALOG, column_map)
    rows = ProductRows(table, _certain(found), currency=currency, where=str(path))
    return ShopFile(table, rows.read, _beside(path, rejects), note)


def open_profiles(
    path: Path, *, column_map: Path | ColumnMap | None = None, rejects: Path | None = None, at: datetime
) -> ShopFile[Event]:
    """Shoppers in a file, as `Identified` events that occur `at`. The rest is as for `open_events`."""
    table, found, note = _open(path, RowKind.PROFILES, column_map)
    rows = ProfileRows(table, _certain(found), where=str(path))
    return ShopFile(table, lambda chunk, bin_: rows.read(chunk, bin_, at), _beside(path, rejects), note)


def open_coupons(
    path: Path, *, keep: Keep, column_map: Path | ColumnMap | None = None, rejects: Path | None = None
) -> ShopFile[CodeLine]:
    """Coupon codes in a file; `keep` puts each piece into its pool. A file of one column that has no header line is
    read as codes. The rest is as for `open_events`."""
    if column_map is None and (bare := _bare_codes(path)):
        table, found, note = bare
    else:
        table, known, note = _open(path, RowKind.COUPONS, column_map)
        found = _certain(known)
    rows = CouponRows(table, found, keep, where=str(path))
    return ShopFile(table, rows.read, _beside(path, rejects), note)


def _bare_codes(path: Path) -> tuple[Table, ColumnMap, str] | None:
    """The table of a file with one column and no header line."""
    opened = OpenedFile(path)
    table = open_table(opened)
    if isinstance(table, CsvTable) and len(table.columns) == 1 and table.columns != ("code",):
        table.name_columns(("code",))
        [plain] = built_in_maps(RowKind.COUPONS)
        return table, plain, f"{path.name}: {opened.kind}, one code a line"
    opened.close()
    return None


def _beside(path: Path, rejects: Path | None) -> Path:
    return rejects or path.with_name(path.name + ".rejects.csv")


def _certain(column_map: ColumnMap | None) -> ColumnMap:
    assert column_map is not None
    return column_map


def _open(path: Path, kind: RowKind, given: Path | ColumnMap | None) -> tuple[Table, ColumnMap | None, str]:
    """The table, its map (None for Segment messages) and the sentence about both."""
    if given is not None:
        return _open_by(path, kind, given)
    opened = OpenedFile(path)
    table = open_table(opened)
    if kind is RowKind.EVENTS and isinstance(table, JsonLinesTable) and looks_like_segment(table.first_object):
        return table, None, f"{path.name}: {opened.kind} of Segment messages"
    found = _recognise(table, kind, path)
    if isinstance(table, CsvTable):
        table.name_columns(found.columns)
    about = f"the built-in map `{found.name}` ({found.about})"
    return table, found, f"{path.name}: {opened.kind}, recognised by its columns, read by {about}"


def _open_by(path: Path, kind: RowKind, given: Path | ColumnMap) -> tuple[Table, ColumnMap, str]:
    found = given if isinstance(given, ColumnMap) else load_map(given)
    name = found.name or (given.name if isinstance(given, Path) else "the map given")
    if found.kind is not kind:
        raise InvalidInput(f"this is a map of {found.kind}, not of {kind}", where=str(given))
    opened = OpenedFile(path)
    table = open_table(opened, delimiter=found.delimiter, encoding=found.encoding)
    if isinstance(table, CsvTable):
        table.name_columns(found.columns)
    return table, found, f"{path.name}: {opened.kind}, read by {name}"


def _recognise(table: Table, kind: RowKind, path: Path) -> ColumnMap:
    """The built-in map for a table. Raises InvalidInput where none fits."""
    for found in built_in_maps(kind):
        if found.columns and (set(found.columns) <= set(table.columns) or _has_its_rows(table, found)):
            return found
        if not found.columns and _has_the_needed(table, found):
            return found
    shown = ", ".join(table.columns[:12]) + (", ..." if len(table.columns) > 12 else "")
    fix = "say by --map which column is which (docs/importing.md)"
    raise InvalidInput(f"nothing tells what the columns mean: {shown}", where=str(path), fix=fix)


def _has_its_rows(table: Table, found: ColumnMap) -> bool:
    """A file without a header line, whose first row has a behaviour of the map in the right place."""
    if not isinstance(table, CsvTable) or len(table.columns) != len(found.columns) or found.event is None:
        return False
    place = found.columns.index(str(found.event.column))
    return table.columns[place] in found.event.values


def _has_the_needed(table: Table, found: ColumnMap) -> bool:
    if found.event is not None and found.occurred_at is not None:
        needed = {str(found.event.column), found.occurred_at.column}
        return needed <= set(table.columns)
    return any(name in table.columns for name in ("product_id", "user_id", "email", "code") if name in found.fields)
