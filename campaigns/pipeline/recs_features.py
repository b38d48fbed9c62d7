"""What a shopper looks like to the recommender: features defined once, from rows of training and from live state.

`touches_of_state` and `touches_of_rows` bring both sides into one form; `features_of` is the only definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log1p
from typing import Final

import pandas as pd

from campaigns.pipeline.train import History
from recsys.columns import Columns, Events
from triggers.state import ProfileState

VIEWS: Final = 30
ORDERS: Final = 20
RECENT: Final = 12
POPULATION: Final = 2_000
_DAY = 86_400e6
_GAP = 30 * 60 * 1_000_000

FEATURES: Final = (
    "views",
    "products_viewed",
    "repeat_share",
    "views_in_last_visit",
    "days_since_view",
    "products_bought",
    "days_since_order",
)


@dataclass(frozen=True, slots=True)
class Touches:
    """Views and orders of one profile before a moment, oldest first: (microseconds since 1970, product)."""

    views: Sequence[tuple[int, str]]
    orders: Sequence[tuple[int, str]]


def touches_of_state(state: ProfileState, until: int) -> Touches:
    """From the folded state, as a decision has it."""
    views = [(at, product_id) for at, product_id, _ in state.views if at <= until]
    orders = [(order.last_at, one) for order in state.orders.values() for one in order.product_ids()]
    return Touches(views[-VIEWS:], sorted(pair for pair in orders if pair[0] <= until))


def touches_of_rows(rows: pd.DataFrame, until: int) -> Touches:
    """From a profile's rows of the training frame."""
    at = _micros(rows[Columns.OCCURRED_AT])
    kept = rows.assign(at=at)[at <= until]
    views, orders = (kept[kept[Columns.EVENT] == name] for name in (Events.VIEWED, Events.ORDERED))
    viewed = sorted(zip(views["at"].tolist(), views[Columns.PRODUCT].tolist(), strict=True), key=lambda one: one[0])
    bought = zip(orders["at"].tolist(), orders[Columns.PRODUCT].tolist(), strict=True)
    return Touches([(a, str(p)) for a, p in viewed][-VIEWS:], sorted({(a, str(p)) for a, p in bought}))


def within(touches: Touches, now: int, days: float | None) -> Touches:
    """What of it happened within `days` before a moment (microseconds): all that a model looks at; None: all."""
    if days is None:
        return touches
    since = now - days * _DAY
    views, orders = ([one for one in rows if one[0] >= since] for rows in (touches.views, touches.orders))
    return Touches(views, orders)


def features_of(touches: Touches, now: int) -> list[float]:
    """One value per name in `FEATURES`, at `now` (microseconds). Counts and days on a log scale; never is -1."""
    views, orders = touches.views, touches.orders
    products = {product_id for _, product_id in views}
    return [
        log1p(len(views)),
        log1p(len(products)),
        1.0 - len(products) / len(views) if views else 0.0,
        log1p(_last_visit(views)),
        log1p(max(0, now - views[-1][0]) / _DAY) if views else -1.0,
        log1p(len({product_id for _, product_id in orders[-ORDERS:]})),
        log1p(max(0, now - orders[-1][0]) / _DAY) if orders else -1.0,
    ]


def _last_visit(views: Sequence[tuple[int, str]]) -> int:
    """How many views the last visit has: those without half an hour of silence between them."""
    pauses = [place for place, (one, two) in enumerate(pairwise(views), start=1) if two[0] - one[0] > _GAP]
    return len(views) - (pauses[-1] if pauses else 0)


def recent_products(touches: Touches) -> list[str]:
    """The products looked at last, newest first and each once: what the session rung starts from."""
    return list(dict.fromkeys(product_id for _, product_id in reversed(touches.views)))[:RECENT]


def _micros(times: pd.Series) -> pd.Series:
    return ((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(microseconds=1)).round().astype("int64")


def last_touch(touches: Touches) -> int:
    """The moment of the last view or order, 0 for never."""
    return max([at for at, _ in touches.views[-1:]] + [at for at, _ in touches.orders[-1:]], default=0)


def features_by_profile(
    interactions: pd.DataFrame, moments: dict[str, int], days: float | None = None
) -> dict[str, list[float]]:
    """Features of many profiles out of one frame, each at its own moment (microseconds), by the `days` before it."""
    if interactions.empty or not moments:
        return {}
    mine = interactions[interactions[Columns.PROFILE].isin(list(moments))]
    groups = mine.groupby(Columns.PROFILE, sort=False)
    found = {}
    for profile, rows in groups:
        at = moments[str(profile)]
        found[str(profile)] = features_of(within(touches_of_rows(rows, at), at, days), at)
    return found


def population_of(history: History, days: float | None = None) -> dict[str, object]:
    """Who a model was trained on, to compare with who is served: features of a sample of its profiles, each at its own
    last touch by the `days` that the model looks back, those of them with a timer, and the share of rows that belong to
    nobody."""
    rows = history.interactions
    if rows.empty:
        return {"features": [], "rows_without_profile": 0.0}
    sample = history.profiles[:: max(1, len(history.profiles) // POPULATION)][:POPULATION]
    mine = rows[rows[Columns.PROFILE].isin(sample)]
    last = mine.groupby(Columns.PROFILE)[Columns.OCCURRED_AT].max()
    moments = dict(zip(map(str, last.index), _micros(last).tolist(), strict=True))
    found = features_by_profile(mine, moments, days)
    without = float(rows[Columns.PROFILE].isna().mean())
    armed = [one for one in found if one in history.armed]
    return {
        "profiles": list(found),
        "features": list(found.values()),
        "armed": armed,
        "rows_without_profile": without,
        "days": days,
    }
