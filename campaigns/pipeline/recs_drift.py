"""Skew and drift: are those who are mailed like those the model was trained on, and like those mailed before?

Skew compares the champion's training sample with the profiles served lately. They differ by nature (only some shoppers
leave a cart behind), so its null is how those differ who differ as they should: the served of the weeks before, or, in
a young shop, those who had a timer when the model was trained. Drift compares the served of this week with the served
before; its null is that both are one population. Both nulls are permutations at the sample sizes at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log1p
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from campaigns.pipeline.recs_features import FEATURES, POPULATION, features_of, last_touch, touches_of_state, within
from campaigns.storage.profiles import read_profiles
from campaigns.storage.recs import list_known, list_served
from recsys.arrays import Floats
from recsys.evaluation.drift import Drift, drift_of
from triggers.instants import micros
from triggers.state import ProfileState

LATELY: Final = timedelta(days=7)
BEFORE: Final = timedelta(days=28)
FEWEST: Final = 50
KNOWN: Final = "known"
SINCE: Final = "hours_since_touch"


@dataclass(frozen=True, slots=True)
class Skew:
    """One comparison; `drifts` is empty where a side has fewer than 50 profiles, and `note` says so."""

    name: str
    trained: int
    served: int
    drifts: list[Drift]
    note: str = ""

    @property
    def alarms(self) -> list[str]:
        """The features that differ more than chance and nature explain."""
        return [one.feature for one in self.drifts if one.alarms]

    def as_json(self) -> dict[str, Any]:
        features = [{"feature": d.feature, "index": d.index, "usual": d.usual, "null": d.null} for d in self.drifts]
        counts = {"trained": self.trained, "served": self.served}
        return {"name": self.name, **counts, "features": features, "alarms": self.alarms, "note": self.note}


@dataclass(frozen=True, slots=True)
class Populations:
    """Who was trained on and who is served: the shares of known profiles, how long after their last touch shoppers are
    decided about (median hours), and both comparisons."""

    known_trained: float | None
    known_served: float | None
    hours_since_touch: float | None
    skews: list[Skew]

    def as_json(self) -> dict[str, Any]:
        shares = {"known_share_trained": self.known_trained, "known_share_served": self.known_served}
        hours = {"served_hours_since_touch": self.hours_since_touch}
        return {**shares, **hours, "comparisons": [skew.as_json() for skew in self.skews]}


def compare_populations(connection: Connection, population: Mapping[str, Any], now: datetime) -> Populations:
    """Compares the training sample (of the champion's manifest) and the served of before with the served of lately."""
    lately = list_served(connection, since=now - LATELY, until=now, limit=POPULATION)
    before = list_served(connection, since=now - LATELY - BEFORE, until=now - LATELY, limit=POPULATION)
    days = population.get("days")
    served, earlier = _features(connection, lately, days), _features(connection, before, days)
    ids = [int(one) for one in population.get("profiles", ()) if str(one).isdigit()]
    known = list_known(connection, ids)
    features = population.get("features", ())
    trained = _table([[*row, one in known] for one, row in zip(ids, features, strict=False)], len(FEATURES) + 1)
    armed = {int(one) for one in population.get("armed", ())}
    eligible = trained[[one in armed for one in ids[: len(trained)]]] if len(trained) else trained
    natural = earlier[:, :-1] if len(earlier) >= FEWEST else eligible
    skews = [
        _compare("trained on / served lately", [*FEATURES, KNOWN], trained, served[:, :-1], natural),
        _compare("served before / served lately", [*FEATURES, KNOWN, SINCE], earlier, served),
    ]
    share = float(np.mean(trained[:, -1])) if len(trained) else None
    if not len(served):
        return Populations(share, None, None, skews)
    hours = float(np.expm1(np.median(served[:, -1])))
    return Populations(share, float(np.mean(served[:, -2])), hours, skews)


def _table(rows: Sequence[Sequence[float]], columns: int) -> Floats:
    return np.array(rows, dtype=float).reshape(-1, columns)


def _features(connection: Connection, moments: Mapping[int, datetime], days: float | None) -> Floats:
    """Features at the last touch before a decision by the `days` before it, whether the profile is known, and log hours
    since the touch."""
    known = list_known(connection, list(moments))
    found = []
    for profile_id, row in read_profiles(connection, list(moments)).items():
        decided = micros(moments[profile_id])
        touches = touches_of_state(ProfileState.from_json(row.state), decided)
        if at := last_touch(touches):
            since = log1p((decided - at) / 3.6e9)
            found.append([*features_of(within(touches, at, days), at), float(profile_id in known), since])
    return _table(found, len(FEATURES) + 2)


def _compare(name: str, names: list[str], trained: Floats, served: Floats, natural: Floats | None = None) -> Skew:
    if min(len(trained), len(served)) < FEWEST:
        note = f"too few profiles to compare: {len(trained)} and {len(served)}, {FEWEST} are needed"
        return Skew(name, len(trained), len(served), [], note)
    if natural is not None and len(natural) < FEWEST:
        note = f"no measure yet of how they differ by nature: {len(natural)} profiles, {FEWEST} are needed"
        return Skew(name, len(trained), len(served), [], note)
    return Skew(name, len(trained), len(served), drift_of(names, trained, served, natural=natural))
