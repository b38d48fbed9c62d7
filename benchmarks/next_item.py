"""The product's own blend behind the fixed protocol "what will this shopper want next?".

    python next_item.py uci taobao --recommender benchmarks.next_item:fit

Nothing here is made for the benchmark: frames go through `recsys.log`, and `recsys.blend.model.Blend` with its default
settings learns and answers. What a query hands over (session, history, profile, time) becomes `Queries`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pandas as pd

from recsys.blend.model import Blend
from recsys.catalog import build_catalog
from recsys.log import build_log
from recsys.queries import Queries

DEPTH = 100


class Query(Protocol):
    """What the protocol asks: product ids of this session and earlier ones, oldest first."""

    prefix: Sequence[Any]
    history: Sequence[Any]
    profile_id: str | None
    at: pd.Timestamp | None


def fit(train: pd.DataFrame, products: pd.DataFrame) -> Callable[[list[Query]], list[list[Any]]]:
    """Train the blend and return the function that answers batches of queries with ranked product ids."""
    catalog = build_catalog(products, train)
    log = build_log(train, catalog.products)
    blend = Blend(catalog).fit(log)
    external = catalog.products.external

    def recommend(queries: list[Query]) -> list[list[Any]]:
        numbers = catalog.products.numbers
        asked = Queries.of(
            [numbers(list(q.prefix)).tolist() for q in queries],
            [numbers(list(q.history)).tolist() for q in queries],
            log.profiles.numbers([q.profile_id for q in queries]) if log.has_profiles else None,
            [_seconds(q.at) for q in queries],
        )
        ranked = blend.score(asked, DEPTH)
        starts = ranked.indptr
        return [[external[c] for c in ranked.indices[starts[i] : starts[i + 1]]] for i in range(len(queries))]

    return recommend


def _seconds(at: pd.Timestamp | None) -> float:
    """Return seconds since 1970, NaN where unknown; times without a zone count as UTC."""
    if at is None or pd.isna(at):
        return float("nan")
    return float((at.tz_localize("UTC") if at.tzinfo is None else at).timestamp())
