"""Training: frames in, artifacts for the cache out. Pure: the time is an argument, nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from recsys import keys
from recsys.arrays import Ints, Matrix
from recsys.bestsellers import bestseller_lists
from recsys.blend.model import Blend, BlendSettings
from recsys.catalog import Catalog, build_catalog
from recsys.log import InteractionLog, build_log
from recsys.neighbours import Neighbours, neighbours_of, rows_of
from recsys.packing import Ranked, pack
from recsys.precompute import Model, Slates, profile_queries, slates_of
from recsys.sources.item_knn import ItemKnn


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How much is kept, and how fast interest fades. Depths are products per list."""

    neighbours: int = 40
    slate_depth: int = 40
    list_depth: int = 60
    half_life_days: float = 14.0
    recent_products: int = 30  # of a profile, that its slate is made from
    ranking: Literal["neighbours", "blend"] = "neighbours"  # quick refresh, or all sources with the learned order
    blend: BlendSettings = field(default_factory=BlendSettings)


@dataclass(frozen=True)
class Artifacts:
    """What training learned, ready for the cache. `version` names the content: same frames, same version."""

    version: str
    made_at: datetime
    catalog: Catalog
    neighbours: Neighbours
    slates: Slates
    profile_ids: list[str]
    model: Model  # what the slates were asked of; it can be asked again
    lists: dict[str, Ranked] = field(default_factory=dict)

    def packed(self) -> Iterator[tuple[str, bytes]]:
        """Yield (key, bytes) of every record: lists first, then products, then profiles."""
        for key, ranked in self.lists.items():
            yield key, pack({"list": ranked}, version=self.version, made_at=self.made_at)
        names = [str(p) for p in self.catalog.products.external]
        for row, name in enumerate(names):
            lists = self._product_lists(row, names)
            if lists:
                yield keys.product(name), pack(lists, version=self.version, made_at=self.made_at)
        yield from self.slates.packed(self.profile_ids, names, version=self.version, made_at=self.made_at)

    def _product_lists(self, row: int, names: list[str]) -> dict[str, Ranked]:
        found = {}
        rhythm = float(self.neighbours.rhythm_days[row])
        for name, source in _LISTS.items():
            ranked = self._ranked(getattr(self.neighbours, name), row, names, source, rhythm)
            if ranked:
                found[name] = ranked
        if rhythm and not found:
            found["next"] = Ranked([], [], "item_knn", rhythm)
        return found

    def _ranked(self, lists: Matrix, row: int, names: list[str], source: str, rhythm: float) -> Ranked | None:
        columns, values = rows_of(lists, row)
        if not len(columns):
            return None
        return Ranked([names[c] for c in columns], values.tolist(), source, rhythm)


_LISTS = {"next": "item_knn", "similar": "item_knn", "complement": "bought_together", "substitute": "item_knn"}


def train(
    interactions: pd.DataFrame,
    products: pd.DataFrame | None = None,
    *,
    now: datetime,
    settings: TrainingSettings | None = None,
    profiles: Collection[str] | None = None,
) -> Artifacts:
    """Learn from interactions (rows in time order, `Columns`) and products as they were at `now` (aware).

    Slates are made for `profiles` only where given (those with armed timers or recent activity), else for all. Rows
    later than `now` are left out. Empty frames give empty artifacts, for which serving answers empty slates.
    """
    settings = settings or TrainingSettings()
    catalog = build_catalog(products, interactions)
    log = build_log(interactions, catalog.products)
    if log.has_times:
        log = log.select(log.at <= now.timestamp())
    lists = bestseller_lists(
        log,
        catalog,
        interactions,
        half_life_days=settings.half_life_days,
        depth=settings.list_depth,
        now=now.timestamp(),
    )
    chosen = _chosen(log, profiles)
    version = _version(log, catalog, settings)
    fitted = _fitted(log, catalog, settings)
    model = Model(catalog, log, fitted, version, settings.slate_depth, settings.recent_products)
    return Artifacts(
        version=version,
        made_at=now,
        catalog=catalog,
        neighbours=neighbours_of(log, catalog, settings.neighbours),
        slates=slates_of(fitted, profile_queries(log, settings.recent_products, chosen), settings.slate_depth),
        profile_ids=[str(p) for p in log.profiles.ids(chosen)],
        model=model,
        lists=dict(lists),
    )


def _chosen(log: InteractionLog, profiles: Collection[str] | None) -> Ints:
    if profiles is None:
        return np.arange(len(log.profiles))
    wanted = set(profiles)
    return np.array([n for n, p in enumerate(log.profiles.external) if str(p) in wanted], dtype=np.int64)


def _fitted(log: InteractionLog, catalog: Catalog, settings: TrainingSettings) -> Blend | ItemKnn:
    if settings.ranking == "blend":
        return Blend(catalog, settings.blend).fit(log)
    return ItemKnn("tfidf", decay=0.95).fit(log)


def _version(log: InteractionLog, catalog: Catalog, settings: TrainingSettings) -> str:
    digest = hashlib.sha256(repr((len(log), len(catalog), settings)).encode())
    for array in (log.product, log.session, log.event, log.at, catalog.price, catalog.category):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]
