"""Train: history out of the database, models in memory, slates and neighbours into the cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from campaigns.domain.product import Product
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import beat
from campaigns.storage.interactions import read_interactions
from campaigns.storage.products import list_products
from recsys.columns import Columns
from recsys.training import Artifacts, train

HISTORY = timedelta(days=180)
"""How far back training looks."""

KEEP_SECONDS = 7 * 86_400
"""How long a record lives in the cache when it is not refreshed."""

HEARTBEAT = "train"


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was learned from how much."""

    version: str
    made_at: datetime
    interactions: int
    products: int
    profiles: int
    records: int


def train_and_publish(engine: Engine, *, until: datetime | None = None) -> TrainReport:
    """Learns from everything before `until` (default: now) and replaces what the cache holds."""
    with transaction(engine.database) as connection:
        now = until or engine.now(connection)
        interactions = read_interactions(connection, since=now - HISTORY, until=now)
        products = product_frame(list_products(connection))
    artifacts = train(interactions, products, now=now)
    report = _publish(engine, artifacts, len(interactions))
    with transaction(engine.database) as connection:
        facts = {"version": report.version, "interactions": report.interactions, "records": report.records}
        beat(connection, HEARTBEAT, now, facts)
    return report


def product_frame(products: list[Product]) -> pd.DataFrame:
    """The catalog as training takes it."""
    return pd.DataFrame(
        {
            Columns.PRODUCT: [p.product_id for p in products],
            Columns.TITLE: [p.title for p in products],
            Columns.CATEGORY: [p.category for p in products],
            Columns.BRAND: [p.brand for p in products],
            Columns.PRICE: [p.price_minor for p in products],
            Columns.PUBLISHED_AT: pd.to_datetime(
                pd.Series([p.published_at for p in products], dtype="object"), utc=True
            ),
        }
    )


def _publish(engine: Engine, artifacts: Artifacts, interactions: int) -> TrainReport:
    empty = {name for name, ranked in artifacts.lists.items() if not ranked.ids}
    records = {name: packed for name, packed in artifacts.packed() if name not in empty}
    engine.cache.write(records, ttl_seconds=KEEP_SECONDS)
    return TrainReport(
        artifacts.version,
        artifacts.made_at,
        interactions,
        len(artifacts.catalog.products.external),
        len(artifacts.profile_ids),
        len(records),
    )
