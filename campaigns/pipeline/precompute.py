"""Precompute: slates for shoppers a mail may soon go to, by the model in force, in slices that any worker can make.

A slice is a list of profile ids and a model version: whoever has the artifacts and the database can make it, on any
host, and making it twice does no harm. One that is lost is made up for by the next refresh, which looks for what is
missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.storage.artifacts import ArtifactStore
from campaigns.storage.database import transaction
from campaigns.storage.interactions import read_interactions
from campaigns.storage.recs_shelf import Shelf
from recsys.columns import Columns
from recsys.errors import BadArtifact, OutdatedArtifact
from recsys.precompute import Model
from recsys.stored import load_model

KEEP_SECONDS: Final = 7 * 86_400
"""How long a record lives in the cache when it is not refreshed."""
SLICE: Final = 2_000
"""Profiles in one task."""
MEMORY: Final = timedelta(days=180)
"""How far back a shopper's own history is read."""

Spread = Callable[[str, Sequence[Sequence[str]], bool], None]
"""Hands slices of a version to other workers; true where they are to be filed with the version too."""


def artifacts_of(engine: Engine) -> ArtifactStore:
    """Where everything that was learned is kept: in the workspace, or in a place that is marked as this shop's."""
    setting = engine.settings.recs.artifacts_url
    if setting is None:
        return ArtifactStore(str(engine.workspace.artifacts / "recs"))
    return ArtifactStore(setting.get_secret_value(), owner=engine.settings.shop.id)


def shelf_of(engine: Engine) -> Shelf:
    """Where the versions of this world are kept."""
    return Shelf(artifacts_of(engine), engine.cache.world)


def model_of(engine: Engine, version: str) -> Model | None:
    """The model of a version, kept in memory by the process; None where the shelf has no model of it to ask:
    none at all, or one that an older version of this program learned."""
    if version and version not in engine.models:
        shelf = shelf_of(engine)
        if not shelf.has_model(version):
            return None
        try:
            with shelf.model_folder(version) as folder:
                model = load_model(folder)
        except OutdatedArtifact:
            return None
        except BadArtifact as error:
            raise WrongUsage(f"model version {version} is damaged: {error}", where=shelf.where) from error
        engine.models.clear()
        engine.models[version] = model
    return engine.models.get(version)


def make_slates(
    engine: Engine,
    model: Model,
    profile_ids: Sequence[str],
    now: datetime,
    *,
    interactions: pd.DataFrame | None = None,
    keep_as: str = "",
) -> int:
    """Slates of some profiles into the cache, from their own rows: those of `interactions`, else out of the database.
    `keep_as` also files them with the version. Returns how many profiles have one now."""
    count, parts = 0, None if interactions is None else _parts(interactions, profile_ids)
    for number, ids in enumerate(slices_of(profile_ids)):
        rows = read_rows(engine, ids, now) if parts is None else parts[number]
        records = dict(model.answer_rows(rows, now))
        engine.cache.write(records, ttl_seconds=KEEP_SECONDS)
        if keep_as:
            shelf_of(engine).put_slates(model.version, f"{keep_as}-{number}", records.items())
        count += len(records)
    return count


def _parts(interactions: pd.DataFrame, profile_ids: Sequence[str]) -> list[pd.DataFrame]:
    """The rows of each slice, out of one look at all rows."""
    places = pd.Index(profile_ids).get_indexer(pd.Index(interactions[Columns.PROFILE]))
    rows = np.flatnonzero(places >= 0)
    rows = rows[np.argsort(places[rows] // SLICE, kind="stable")]
    starts = np.searchsorted(places[rows] // SLICE, np.arange(1, -(-len(profile_ids) // SLICE)))
    return [interactions.iloc[part] for part in np.split(rows, starts)]


def read_rows(engine: Engine, ids: Sequence[str], now: datetime) -> pd.DataFrame:
    """What some profiles did lately, as far back as slates look."""
    with transaction(engine.database) as connection:
        return read_interactions(
            connection, since=now - MEMORY, until=now, profiles=[int(one) for one in ids if one.isdigit()]
        )


def make_slice(engine: Engine, version: str, profile_ids: Sequence[str], keep_as: str = "") -> int:
    """One slice as a worker makes it; 0 where its version is no longer there to ask."""
    model = model_of(engine, version)
    if model is None:
        return 0
    with transaction(engine.database) as connection:
        now = engine.now(connection)
    return make_slates(engine, model, profile_ids, now, keep_as=keep_as)


def slices_of(profile_ids: Sequence[str]) -> Iterator[list[str]]:
    """The profiles in slices of one task each."""
    for start in range(0, len(profile_ids), SLICE):
        yield list(profile_ids[start : start + SLICE])
