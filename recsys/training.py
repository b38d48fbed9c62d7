"""Training: frames in, artifacts for the cache out. Pure: the time is an argument, nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from recsys import fingerprints, keys
from recsys.arrays import Ints, Matrix
from recsys.bestsellers import Visits, bestseller_lists, visits_of
from recsys.blend.examples import latest_sessions
from recsys.blend.model import Blend, BlendSettings, FitSources, fit_here
from recsys.catalog import Catalog, build_catalog
from recsys.log import InteractionLog, build_log
from recsys.neighbours import Neighbours, neighbours_of
from recsys.packing import Ranked, pack, pack_lists
from recsys.precompute import Model, Slates, profile_queries, slates_of
from recsys.sources.item_knn import ItemKnn
from recsys.sources.popularity import DAY

BLEND_MOST = 10_000_000
"""The largest history that the blend was measured on."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How much is kept, and how fast interest fades. Depths are products per list."""

    neighbours: int = 40
    slate_depth: int = 40
    list_depth: int = 60
    half_life_days: float = 14.0
    recent_products: int = 30  # of a profile, that its slate is made from
    ranking: Literal["neighbours", "blend"] = "neighbours"  # quick refresh, or all sources with the learned order
    blend_most: int = BLEND_MOST  # interactions that the blend learns from, the latest; all else learns from all
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

    def packed(self, only: Container[str] | None = None) -> Iterator[tuple[str, bytes]]:
        """Yield (key, bytes) of every record: lists, then products (both: of `only` where given), then profiles."""
        for key, ranked in self.lists.items():
            if only is None or key in only:
                yield key, pack({"list": ranked}, version=self.version, made_at=self.made_at)
        names = self.product_ids
        wanted = {keys.product(name): row for row, name in enumerate(names)}
        if only is not None:
            wanted = {key: row for key, row in wanted.items() if key in only}
        records = pack_lists(
            self._matrices,
            [name.encode() for name in names],
            _LISTS,
            version=self.version,
            made_at=self.made_at,
            rhythm_days=self.neighbours.rhythm_days.tolist(),
            rows=wanted.values(),
        )
        yield from (pair for pair in zip(wanted, records, strict=True) if pair[1])
        yield from self.slates.packed(self.profile_ids, names, version=self.version, made_at=self.made_at)

    @property
    def _matrices(self) -> dict[str, Matrix]:
        return {name: getattr(self.neighbours, name) for name in _LISTS}

    @property
    def product_ids(self) -> list[str]:
        """The products by their number."""
        return [str(p) for p in self.catalog.products.external]

    def fingerprints(self) -> pd.Series:
        """What each record but the slates says, as a number by key: see `recsys.fingerprints`."""
        names = self.product_ids
        lists = {key: fingerprints.of_list(one) for key, one in self.lists.items() if one.ids}
        rows = fingerprints.of_rows(list(self._matrices.values()), self.neighbours.rhythm_days, names)
        index = [*lists, *(keys.product(names[row]) for row in np.flatnonzero(rows).tolist())]
        values = np.concatenate([np.array(list(lists.values()), dtype=np.uint64), rows[rows != 0]])
        return pd.Series(values, index=pd.Index(index, dtype=object), dtype=np.uint64)


_LISTS = {"next": "item_knn", "similar": "item_knn", "complement": "bought_together", "substitute": "item_knn"}


def train(
    interactions: pd.DataFrame,
    products: pd.DataFrame | None = None,
    *,
    now: datetime,
    settings: TrainingSettings | None = None,
    profiles: Collection[str] | None = None,
    fit_sources: FitSources = fit_here,
) -> Artifacts:
    """Learn from interactions (rows in time order, `Columns`) and products as they were at `now` (aware).

    Slates are made for `profiles` only where given (those with armed timers or recent activity), else for all. Rows
    later than `now` are left out. Empty frames give empty artifacts, for which serving answers empty slates.
    """
    catalog = build_catalog(products, interactions)
    log = build_log(interactions, catalog.products)
    if log.has_times:
        log = log.select(log.at <= now.timestamp())
    visits = visits_of(interactions, catalog)
    return train_log(log, catalog, visits, now=now, settings=settings, profiles=profiles, fit_sources=fit_sources)


def train_log(
    log: InteractionLog,
    catalog: Catalog,
    visits: Visits,
    *,
    now: datetime,
    settings: TrainingSettings | None = None,
    profiles: Collection[str] | None = None,
    fit_sources: FitSources = fit_here,
) -> Artifacts:
    """Learn from a log whose products are numbered as in the catalog, with no row later than `now`: see `train`."""
    settings = settings or TrainingSettings()
    lists = bestseller_lists(
        log,
        catalog,
        visits,
        half_life_days=settings.half_life_days,
        depth=settings.list_depth,
        now=now.timestamp(),
    )
    chosen = _chosen(log, profiles)
    version = _version(log, catalog, settings)
    learned, days = learned_from(log, settings)
    fitted = _fitted(learned, catalog, settings, fit_sources)
    model = Model(catalog, learned, fitted, version, settings.slate_depth, settings.recent_products, days)
    return Artifacts(
        version=version,
        made_at=now,
        catalog=catalog,
        neighbours=neighbours_of(log, catalog, settings.neighbours, fitted if isinstance(fitted, ItemKnn) else None),
        slates=slates_of(fitted, profile_queries(log, settings.recent_products, chosen, days), settings.slate_depth),
        profile_ids=[str(p) for p in log.profiles.ids(chosen)],
        model=model,
        lists=dict(lists),
    )


def learned_from(log: InteractionLog, settings: TrainingSettings) -> tuple[InteractionLog, float | None]:
    """Return the rows that the ranking learns from, and the days that these span: None where they are all rows.

    The plain recipe learns from all; the blend, which costs far more, from the latest whole sessions.
    """
    learned = latest_sessions(log, settings.blend_most) if settings.ranking == "blend" else log
    if learned is log or not learned.has_times or not len(learned):
        return learned, None
    return learned, float(learned.at.max() - learned.at.min()) / DAY


def _chosen(log: InteractionLog, profiles: Collection[str] | None) -> Ints:
    if profiles is None:
        return np.arange(len(log.profiles))
    wanted = set(profiles)
    return np.array([n for n, p in enumerate(log.profiles.external) if str(p) in wanted], dtype=np.int64)


def _fitted(
    log: InteractionLog, catalog: Catalog, settings: TrainingSettings, fit_sources: FitSources
) -> Blend | ItemKnn:
    if settings.ranking == "blend":
        return Blend(catalog, settings.blend).fit(log, fit_sources)
    return ItemKnn("tfidf", decay=0.95).fit(log)


def _version(log: InteractionLog, catalog: Catalog, settings: TrainingSettings) -> str:
    digest = hashlib.sha256(repr((len(log), len(catalog), settings)).encode())
    for array in (log.product, log.session, log.event, log.at, catalog.price, catalog.category):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]
