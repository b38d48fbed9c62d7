"""The three rules counted by hand over the Taobao file, from their definitions and with nothing of the engine.

Only first steps are counted, because what comes before them (caps, consent) does not change whether they fall due.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

HOUR, DAY = 3600, 86_400
WINDOW = (1_511_539_200, 1_512_316_799)  # the nine days of the recording, 25 November to 3 December in China


@dataclass(frozen=True)
class Fired:
    """A first step that fell due."""

    campaign: str
    user: int
    at: int


def read(path: Path) -> pd.DataFrame:
    """The usable rows in time order; the file has no header, and its last line is cut off."""
    names = ["user_id", "item_id", "category_id", "behavior", "timestamp"]
    frame = pd.read_csv(path, dtype=str, on_bad_lines="skip")
    frame = frame if list(frame.columns) == names else pd.read_csv(path, names=names, dtype=str, on_bad_lines="skip")
    frame = frame.dropna()
    frame["timestamp"] = pd.to_numeric(frame["timestamp"], errors="coerce")
    frame = frame[frame["timestamp"].between(*WINDOW) & frame["behavior"].isin(["pv", "cart", "fav", "buy"])]
    frame = frame.astype({"user_id": "int64", "timestamp": "int64"})
    return frame.sort_values("timestamp", kind="stable")


def count_first_steps(frame: pd.DataFrame) -> list[Fired]:
    """Every first step of the three campaigns that fell due before the recording ended."""
    end = int(frame["timestamp"].max())
    fired: list[Fired] = []
    for user, rows in frame.groupby("user_id"):
        at, what = rows["timestamp"].to_numpy(), rows["behavior"].to_numpy()
        fired += [Fired("abandoned_cart", user, t) for t in _carts(at[what == "cart"], at[what == "buy"]) if t <= end]
        fired += [Fired("browse_abandonment", user, t) for t in _browses(at, what) if t <= end]
        fired += [Fired("post_purchase", user, int(t)) for t in np.unique(at[what == "buy"])]
    return fired


def _carts(adds: np.ndarray, buys: np.ndarray) -> Iterator[int]:
    """A cart holds what was added since the last order; it is abandoned after an hour without an addition."""
    edges = [-np.inf, *np.unique(buys), np.inf]
    entered = -np.inf
    for opened, closed in pairwise(edges):
        own = [int(t) for t in adds if opened < t <= closed]
        starts = [t for t in own if t - entered >= DAY]
        if not starts:
            continue
        due = _quiet_for(HOUR, [t for t in own if t >= starts[0]])
        if due < closed:
            entered = starts[0]
            yield due


def _browses(at: np.ndarray, what: np.ndarray) -> Iterator[int]:
    """Two views in a session, nothing put in the cart or bought since it began, no order in ten days before it."""
    session = np.concatenate([[0], (np.diff(at) > HOUR // 2).cumsum()])
    intents = at[(what == "cart") | (what == "buy")]
    buys = at[what == "buy"]
    entered = -np.inf
    for number in np.unique(session):
        own = session == number
        start, views = int(at[own][0]), at[own & (what == "pv")]
        if len(views) < 2 or ((buys >= start - 10 * DAY) & (buys < start)).any():
            continue
        due = int(views[-1]) + 2 * HOUR
        intent = intents[intents >= start].min(initial=np.iinfo(np.int64).max)
        starts = [int(t) for t in views[1:] if t - entered >= 14 * DAY and t < intent]
        if not starts or intent <= due:
            continue
        entered = starts[0]
        yield due


def _quiet_for(wait: int, activity: list[int]) -> int:
    """The first moment `wait` after an activity by which no other one came; one in the very same second counts."""
    for now, following in pairwise([*activity, None]):
        if following is None or following > now + wait:
            return now + wait
    raise AssertionError("an activity list is never empty")
