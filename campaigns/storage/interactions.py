"""What the recommender learns from: one row per product touched, out of PostgreSQL in one COPY, read column-wise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Connection

from recsys.arrays import Ints
from recsys.columns import Columns, Events
from recsys.kept import SESSION_GAP, Kept

_ROWS = """
COPY (
  SELECT {columns}, line->>'product_id', e.payload->'visit'->>'source', p.traits->>'country'
  FROM events e
  CROSS JOIN LATERAL jsonb_array_elements(e.payload->'lines') WITH ORDINALITY AS l(line, place)
  LEFT JOIN profiles p ON p.profile_id = e.profile_id
  WHERE e.occurred_at >= %s AND e.name = ANY(%s) AND (place = 1 OR e.name <> 'Product Viewed') AND {which}
) TO STDOUT (FORMAT csv)
"""
_MICROS = "(extract(epoch FROM e.occurred_at) * 1000000)::bigint"
_COPY = _ROWS.format(
    columns=f"e.profile_id, {_MICROS}, e.name",
    which="e.occurred_at < %s AND (%s::bigint[] IS NULL OR e.profile_id = ANY(%s))"
    " ORDER BY e.occurred_at, e.event_id, place",
)
_COPY_KEPT = _ROWS.format(
    columns=f"e.event_id, place, e.profile_id, {_MICROS}, array_position(%s, e.name) - 1", which="e.event_id > %s"
)
_TYPES = {
    Columns.PROFILE: pa.string(),
    Columns.OCCURRED_AT: pa.int64(),
    Columns.EVENT: pa.string(),
    Columns.PRODUCT: pa.string(),
    Columns.REFERRAL: pa.string(),
    Columns.LOCALITY: pa.string(),
}
_NUMBERS = ("number", "place", "profile", "at", "event")
_CODED = {"product": "products", "referral": "referrals", "locality": "localities"}
_KEPT = dict.fromkeys(_NUMBERS, pa.int64()) | dict.fromkeys(_CODED, pa.dictionary(pa.int32(), pa.string()))


def read_interactions(
    connection: Connection, *, since: datetime, until: datetime, profiles: list[int] | None = None
) -> pd.DataFrame:
    """Interactions of a span in time order, with `recsys.columns.Columns` as column names and sessions cut after
    30 minutes of silence; of `profiles` only where given. A view is of one product: the first its event names. Empty
    spans give an empty frame with the same columns. What PostgreSQL sends waits on disk, not in memory."""
    values = (since, list(Events.NAMES), until, profiles, profiles)
    table = _copied(connection, _COPY, values, _TYPES)
    if table is None:
        return pd.DataFrame(columns=[*_TYPES, Columns.SESSION])
    frame = table.to_pandas()
    frame[Columns.OCCURRED_AT] = pd.to_datetime(frame[Columns.OCCURRED_AT], unit="us", utc=True)
    return _with_sessions(frame)


def read_kept(connection: Connection, *, since: datetime, after: int = 0) -> Kept:
    """The same as columns of numbers, in time order: what occurred from `since` on, whatever lies in the future too, of
    events with a number above `after`."""
    names = list(Events.NAMES)
    table = _copied(connection, _COPY_KEPT, (names, since, names, after), _KEPT)
    parts: dict[str, Any] = {n: np.zeros(0, np.int64) if table is None else table[n].to_numpy() for n in _NUMBERS}
    parts |= {name: parts[name].astype(np.int16) for name in ("place", "event")}
    for name, kind in _CODED.items():
        parts[name], parts[kind] = _coded(None if table is None else table[name])
    return Kept(**parts).in_time_order()


def _coded(column: pa.ChunkedArray | None) -> tuple[Ints, list[str]]:
    """The values of a column of texts as places in a list of names, -1 where there is none."""
    if column is None:
        return np.zeros(0, dtype=np.int32), []
    whole = column.unify_dictionaries().combine_chunks()
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, whole.dictionary.to_pylist()


def _copied(
    connection: Connection, query: str, values: tuple[object, ...], types: Mapping[str, pa.DataType]
) -> pa.Table | None:
    """What a COPY sends; None where that is nothing."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    with TemporaryFile() as spool:
        with raw.cursor() as cursor, cursor.copy(query, values) as copy:
            for block in copy:
                spool.write(block)
        if spool.tell() == 0:
            return None
        spool.seek(0)
        options = csv.ConvertOptions(column_types=dict(types), strings_can_be_null=True, null_values=[""])
        return csv.read_csv(spool, csv.ReadOptions(column_names=list(types)), convert_options=options)


def _with_sessions(frame: pd.DataFrame) -> pd.DataFrame:
    by_profile = frame[[Columns.PROFILE, Columns.OCCURRED_AT]].sort_values(
        [Columns.PROFILE, Columns.OCCURRED_AT], kind="stable"
    )
    new_profile = by_profile[Columns.PROFILE].ne(by_profile[Columns.PROFILE].shift())
    pause = by_profile[Columns.OCCURRED_AT].diff() > pd.Timedelta(seconds=SESSION_GAP)
    frame[Columns.SESSION] = (new_profile | pause).cumsum().reindex(frame.index)
    return frame
