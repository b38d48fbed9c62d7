"""What the recommender learns from: one row per product touched, out of PostgreSQL in one COPY, read column-wise."""

from __future__ import annotations

from datetime import datetime, timedelta
from tempfile import TemporaryFile

import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import csv
from sqlalchemy import Connection

from recsys.columns import Columns, Events

SESSION_GAP = timedelta(minutes=30)

_COPY = """
COPY (
  SELECT e.profile_id, extract(epoch FROM e.occurred_at), e.name, line->>'product_id', e.payload->'visit'->>'source',
         p.traits->>'country'
  FROM events e
  CROSS JOIN LATERAL jsonb_array_elements(e.payload->'lines') WITH ORDINALITY AS l(line, place)
  LEFT JOIN profiles p ON p.profile_id = e.profile_id
  WHERE e.occurred_at >= %s AND e.occurred_at < %s AND e.name = ANY(%s)
    AND (place = 1 OR e.name <> 'Product Viewed') AND (%s::bigint[] IS NULL OR e.profile_id = ANY(%s))
  ORDER BY e.occurred_at, e.event_id
) TO STDOUT (FORMAT csv)
"""
_TYPES = {
    Columns.PROFILE: pa.string(),
    Columns.OCCURRED_AT: pa.float64(),
    Columns.EVENT: pa.string(),
    Columns.PRODUCT: pa.string(),
    Columns.REFERRAL: pa.string(),
    Columns.LOCALITY: pa.string(),
}


def read_interactions(
    connection: Connection, *, since: datetime, until: datetime, profiles: list[int] | None = None
) -> pd.DataFrame:
    """Interactions of a span in time order, with `recsys.columns.Columns` as column names and sessions cut after
    30 minutes of silence; of `profiles` only where given. A view is of one product: the first its event names. Empty
    spans give an empty frame with the same columns. What PostgreSQL sends waits on disk, not in memory."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    values = (since, until, list(Events.NAMES), profiles, profiles)
    with TemporaryFile() as spool:
        with raw.cursor() as cursor, cursor.copy(_COPY, values) as copy:
            for block in copy:
                spool.write(block)
        if spool.tell() == 0:
            return pd.DataFrame(columns=[*_TYPES, Columns.SESSION])
        spool.seek(0)
        options = csv.ConvertOptions(column_types=_TYPES, strings_can_be_null=True)
        table = csv.read_csv(spool, csv.ReadOptions(column_names=list(_TYPES)), convert_options=options)
    frame = table.to_pandas()
    frame[Columns.OCCURRED_AT] = pd.to_datetime(frame[Columns.OCCURRED_AT], unit="s", utc=True)
    return _with_sessions(frame)


def _with_sessions(frame: pd.DataFrame) -> pd.DataFrame:
    by_profile = frame.sort_values([Columns.PROFILE, Columns.OCCURRED_AT], kind="stable")
    new_profile = by_profile[Columns.PROFILE].ne(by_profile[Columns.PROFILE].shift())
    pause = by_profile[Columns.OCCURRED_AT].diff() > SESSION_GAP
    frame[Columns.SESSION] = (new_profile | pause).cumsum().reindex(frame.index)
    return frame
