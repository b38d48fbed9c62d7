"""What one refresh of the recommendations leaves for the next: the rows it read, what it published, how far it saw.

Events get ascending numbers, but their transactions end in any order. So a refresh notes a horizon - the highest number
there is, and the transactions under way - waits a moment for them to end, and looks. Up to the last horizon of which all
have ended it saw everything; the next one reads what lies above, and tells by the number what it has already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine

from campaigns.storage.artifacts import ArtifactStore
from campaigns.storage.database import statement, transaction
from recsys.kept import Kept

FORMAT = 1
_PATIENCE = 20
_PAUSE = statement("SELECT pg_sleep(0.1)")
_SNAPSHOT = statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_HORIZON = statement(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
    " pg_snapshot_xmax(pg_current_snapshot())::text::bigint, (SELECT coalesce(max(event_id), 0) FROM events)"
)
_CHANGED = statement(
    "SELECT k.profile_id, p.merged_into, coalesce(p.traits->>'country', ''),"
    " p.profile_id IS NULL OR coalesce(p.assignment_key, '') LIKE 'forgotten:%'"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:countries AS text[])) AS k(profile_id, country)"
    " LEFT JOIN profiles p USING (profile_id) WHERE p.profile_id IS NULL OR p.merged_into IS NOT NULL"
    " OR p.assignment_key LIKE 'forgotten:%' OR coalesce(p.traits->>'country', '') <> k.country"
)
_FACTS, _ROWS, _NAMES, _PRINTS = "facts.json", "rows.parquet", "names.json", "published.parquet"


@dataclass(frozen=True, slots=True)
class Mark:
    """All events up to number `done` were visible; `seen` was the highest one at a moment when no transaction from
    `seen_xmax` on had begun."""

    done: int = 0
    seen: int = 0
    seen_xmax: int = 0


@dataclass(frozen=True)
class RefreshState:
    """Rows that occurred within the last `days`, what the records published say by key (`recsys.fingerprints`), and
    when all of it was last computed whole. `recipe` names the settings it holds for."""

    rows: Kept
    published: pd.Series
    mark: Mark
    whole_at: datetime
    days: float
    recipe: str


def look_once(connection: Connection) -> None:
    """All that this transaction reads is of one moment. Must come first in it."""
    connection.execute(_SNAPSHOT)


def read_horizon(database: Engine) -> Mark:
    """The horizon of now, once the transactions under way have ended, or two seconds later where some go on."""
    with transaction(database) as connection:
        _, xmax, last = connection.execute(_HORIZON).one()
    for _ in range(_PATIENCE):
        with transaction(database) as connection:
            if connection.execute(_HORIZON).one()[0] >= xmax:
                break
            connection.execute(_PAUSE)
    return Mark(0, last, xmax)


def read_mark(connection: Connection, *former: Mark) -> Mark:
    """How far this transaction sees, after horizons and marks of before."""
    xmin, xmax, last = connection.execute(_HORIZON).one()
    done = max(one.seen if xmin >= one.seen_xmax else one.done for one in former)
    return Mark(done, last, xmax)


def list_changed_profiles(
    connection: Connection, ids: Sequence[int], localities: Sequence[str]
) -> dict[int, tuple[int, str] | None]:
    """Those of some profiles that were joined with another one, moved elsewhere or were forgotten, with what they are now:
    (profile, locality), None where nothing may be known of them."""
    found: dict[int, tuple[int, str] | None] = {}
    values = {"ids": list(ids), "countries": list(localities)}
    for profile_id, merged_into, country, is_gone in connection.execute(_CHANGED, values):
        found[profile_id] = None if is_gone else (merged_into or profile_id, country)
    return found


class RefreshShelf:
    """States in a store, a folder each, named by a token that is given out once."""

    def __init__(self, store: ArtifactStore, folder: str) -> None:
        self._store, self._folder = store, f"{folder}/refresh"

    def put(self, token: str, state: RefreshState) -> None:
        """Writes a state."""
        facts = {"format": FORMAT, "whole_at": state.whole_at.isoformat(), "days": state.days, "recipe": state.recipe}
        names = {name: getattr(state.rows, name) for name in ("products", "referrals", "localities")}
        with TemporaryDirectory(prefix="rekindle-refresh-") as local:
            folder = Path(local)
            pd.DataFrame(state.rows.columns).to_parquet(folder / _ROWS, compression="lz4")
            pd.DataFrame({"key": state.published.index, "value": state.published.to_numpy()}).to_parquet(
                folder / _PRINTS, compression="lz4"
            )
            (folder / _NAMES).write_text(json.dumps(names))
            (folder / _FACTS).write_text(json.dumps({**facts, "mark": asdict(state.mark)}))
            self._store.put_folder(folder, f"{self._folder}/{token}")

    def find(self, token: str) -> RefreshState | None:
        """The state of a token; None where it is not there whole, or of another version of this program."""
        if not token or not self._store.has(f"{self._folder}/{token}/{_FACTS}"):
            return None
        try:
            with self._store.local_folder(f"{self._folder}/{token}") as folder:
                return _read(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def tidy(self, keep: str) -> None:
        """Drops all states but one: the former one, and what crashed refreshes left."""
        for token in self._store.folders(self._folder):
            if token != keep:
                self._store.remove(f"{self._folder}/{token}")


def _read(folder: Path) -> RefreshState | None:
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text())
    if facts["format"] != FORMAT:
        return None
    frame = pd.read_parquet(folder / _ROWS)
    prints = pd.read_parquet(folder / _PRINTS)
    columns: dict[str, Any] = {str(name): frame[name].to_numpy() for name in frame}
    rows = Kept(**columns, **json.loads((folder / _NAMES).read_text()))
    return RefreshState(
        rows=rows,
        published=pd.Series(prints["value"].to_numpy(), index=pd.Index(prints["key"], dtype=object), dtype=np.uint64),
        mark=Mark(**facts["mark"]),
        whole_at=datetime.fromisoformat(facts["whole_at"]),
        days=float(facts["days"]),
        recipe=facts["recipe"],
    )
