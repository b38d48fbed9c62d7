"""Train: history out of the database, models in memory, slates and neighbours into the cache."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import pandas as pd
from sqlalchemy import Connection

from campaigns.domain.product import Product
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.precompute import SLICE, Spread, make_slates, slices_of
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import beat, list_heartbeats
from campaigns.storage.interactions import read_interactions
from campaigns.storage.products import list_products
from campaigns.storage.recs import (
    find_newest_event,
    list_all_known,
    list_armed_profiles,
    read_last_event,
)
from recsys.blend.model import FitSources, fit_here
from recsys.columns import Columns
from recsys.mixing import PLAIN, Mix
from recsys.precompute import Model
from recsys.training import BLEND_MOST, Artifacts, TrainingSettings, train

HISTORY: Final = timedelta(days=180)
"""How far back training looks, in a shop of ordinary size."""
MOST_INTERACTIONS: Final = 5_000_000
"""What a refresh every 15 minutes reads at most: larger shops look back over fewer days."""
ACTIVE: Final = timedelta(days=7)
"""Who was here this lately gets a slate of their own, beside all who have a timer."""
MOST_SLATES: Final = 200_000
AT_LEAST_EVERY: Final = timedelta(hours=12)
"""Popularity fades and products become old also where nothing happens."""
AT_REST: Final = timedelta(days=7)

HEARTBEAT: Final = "train"
CHAMPION: Final = "recs_champion"

Ranking = Literal["neighbours", "blend"]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What was learned from how much: `records` there are, of which `written` this time, `new` interactions since the
    last time; `is_whole` where everything was read anew. Where the full model learned from the latest interactions
    only, these are `blend_interactions`, of the last `blend_days`."""

    version: str
    made_at: datetime
    interactions: int
    products: int
    profiles: int
    records: int
    written: int
    new: int
    is_whole: bool = True
    blend_interactions: int | None = None
    blend_days: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What training is made from, as it was at `now`; `profiles` are those who get a slate of their own, `known` those
    of all that have an address or a user id, `armed` those that have a timer. The full model learns from at most
    `blend_most` of the interactions, the latest."""

    interactions: pd.DataFrame
    products: pd.DataFrame
    profiles: list[str]
    now: datetime
    days: float
    last_event: int = 0
    known: frozenset[str] | None = None
    armed: frozenset[str] = frozenset()
    blend_most: int = BLEND_MOST


def ask(
    engine: Engine,
    model: Model,
    profile_ids: Sequence[str],
    now: datetime,
    spread: Spread | None = None,
    *,
    interactions: pd.DataFrame | None = None,
    keep_as: str = "",
) -> None:
    """Slates for profiles: here where they are few (from `interactions`, else out of the database), or handed to other
    workers in slices."""
    if spread is not None and len(profile_ids) > SLICE:
        spread(model.version, list(slices_of(profile_ids)), bool(keep_as))
    else:
        make_slates(engine, model, profile_ids, now, interactions=interactions, keep_as=keep_as)


def mix_record(facts: Mapping[str, Any], now: datetime) -> dict[str, bytes]:
    """How serving weighs its parts: as the full training found for this version, else as suits its ranking."""
    mix = Mix(**facts["mix"]) if facts.get("mix") else Mix() if facts.get("ranking") == "blend" else PLAIN
    return dict([mix.packed(version=str(facts.get("version", "")), made_at=now)])


def read_history(engine: Engine, *, until: datetime | None = None, most: int = MOST_INTERACTIONS) -> History:
    """Everything training needs, in one transaction. `most` bounds the rows: the span is shortened by what the last
    training counted a day."""
    with transaction(engine.database) as connection:
        now = until or moment_of(connection, engine.now(connection))
        last_event = read_last_event(connection)
        span = learning_span(connection, most)
        interactions = read_interactions(connection, since=now - span, until=now)
        products = product_frame(list_products(connection))
        known = frozenset(map(str, list_all_known(connection)))
        armed = [str(one) for one in list_armed_profiles(connection, limit=MOST_SLATES)]
    profiles = dict.fromkeys([*armed, *active_profiles(interactions, now)])
    chosen = list(profiles)[:MOST_SLATES]
    return History(
        interactions=interactions,
        products=products,
        profiles=chosen,
        now=now,
        days=span / timedelta(days=1),
        last_event=last_event,
        known=known,
        armed=frozenset(armed),
        blend_most=engine.settings.recs.blend_most,
    )


def moment_of(connection: Connection, now: datetime) -> datetime:
    """Now; or, where nothing happened for a week (a recorded history, a shop at rest), right after the last event."""
    newest = find_newest_event(connection, unless_since=now - AT_REST)
    return newest + timedelta(seconds=1) if newest is not None else now


def learning_span(connection: Connection, most: int) -> timedelta:
    """How far back a training of at most so many interactions looks, by what the last one counted a day."""
    last = list_heartbeats(connection).get(HEARTBEAT)
    counted, days = (float(last[1].get(name) or 0) for name in ("interactions", "days")) if last else (0.0, 0.0)
    if not counted or not days:
        return HISTORY
    return max(timedelta(days=1), min(HISTORY, timedelta(days=days * most / counted)))


def active_profiles(interactions: pd.DataFrame, now: datetime) -> list[str]:
    """Profiles that touched a product within the last week, the latest first."""
    if interactions.empty:
        return []
    lately = interactions[interactions[Columns.OCCURRED_AT] > now - ACTIVE]
    newest_first = lately[Columns.PROFILE].dropna().iloc[::-1]
    return [str(one) for one in newest_first.drop_duplicates()]


def learn(
    history: History, ranking: Ranking, *, profiles: Collection[str] | None = None, fit_sources: FitSources = fit_here
) -> Artifacts:
    """The artifacts of one recipe; slates for `profiles`, default: all of the history's choice."""
    return train(
        history.interactions,
        history.products,
        now=history.now,
        settings=TrainingSettings(ranking=ranking, blend_most=history.blend_most),
        profiles=history.profiles if profiles is None else profiles,
        fit_sources=fit_sources,
    )


def records_of(artifacts: Artifacts) -> dict[str, bytes]:
    """The cache records of artifacts; lists that name no product are not published."""
    empty = {name for name, ranked in artifacts.lists.items() if not ranked.ids}
    return {name: packed for name, packed in artifacts.packed() if name not in empty}


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


def report_of(artifacts: Artifacts, interactions: int, records: int) -> TrainReport:
    """The numbers of a training."""
    products = len(artifacts.catalog.products.external)
    profiles = len(artifacts.profile_ids)
    model = artifacts.model
    return TrainReport(
        artifacts.version,
        artifacts.made_at,
        interactions,
        products,
        profiles,
        records,
        records,
        interactions,
        blend_interactions=None if model.days is None else len(model.log),
        blend_days=model.days,
    )


def note_training(
    engine: Engine, report: TrainReport, now: datetime, days: float, last_event: int, state: str = ""
) -> None:
    """Writes down that a training ran, for `recs status`, `doctor` and the next training's span; `state` is what a
    refresh left for the next one."""
    facts = {
        "version": report.version,
        "interactions": report.interactions,
        "records": report.records,
        "written": report.written,
        "new": report.new,
        "is_whole": report.is_whole,
        "products": report.products,
        "profiles": report.profiles,
        "days": days,
        "last_event": last_event,
        "state": state,
    }
    with transaction(engine.database) as connection:
        beat(connection, HEARTBEAT, now, facts)


def read_champion(engine: Engine) -> Mapping[str, Any]:
    """The version in force: `version`, `former`, `ranking`, `made_at`; {} before the first full training."""
    with transaction(engine.database) as connection:
        found = list_heartbeats(connection).get(CHAMPION)
    return found[1] if found else {}


def note_champion(engine: Engine, facts: Mapping[str, Any]) -> None:
    """Puts a version in force, for all workers at once."""
    with transaction(engine.database) as connection:
        beat(connection, CHAMPION, engine.now(connection), facts)
