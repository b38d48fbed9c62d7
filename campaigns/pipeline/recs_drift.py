"""Skew and drift: are those who are mailed like those the model was trained on, and like those mailed before?

Skew compares the champion's training sample with the profiles served lately. They differ by nature (only some shoppers
leave a cart behind), so it alarms where the index is large as such. Drift compares the served of this week with the
served of the weeks before, and alarms relative to its null: what two samples of one population would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from campaigns.pipeline.recs_features import FEATURES, POPULATION, features_of, last_touch, touches_of_state
from campaigns.storage.profiles import read_profiles
from campaigns.storage.recs import list_known, list_served
from recsys.evaluation.drift import Drift, drift_of
from triggers.instants import micros
from triggers.state import ProfileState

LATELY: Final = timedelta(days=7)
BEFORE: Final = timedelta(days=28)
FEWEST: Final = 50
MAJOR: Final = 0.25
"""From here on an index of population stability is commonly called a major shift."""


@dataclass(frozen=True, slots=True)
class Skew:
    """One comparison; `drifts` is empty where a side has fewer than 50 profiles, and `note` says so."""

    name: str
    trained: int
    served: int
    drifts: list[Drift]
    note: str = ""
    least: float = 0.0

    @property
    def alarms(self) -> list[str]:
        """The features that differ more than chance and nature explain."""
        return [one.feature for one in self.drifts if one.alarms and one.index > self.least]

    def as_json(self) -> dict[str, Any]:
        features = [{"feature": d.feature, "index": d.index, "null": d.null} for d in self.drifts]
        counts = {"trained": self.trained, "served": self.served}
        return {"name": self.name, **counts, "features": features, "alarms": self.alarms, "note": self.note}


@dataclass(frozen=True, slots=True)
class Populations:
    """Who was trained on and who is served: the shares of known profiles, and both comparisons."""

    known_trained: float | None
    known_served: float | None
    skews: list[Skew]

    def as_json(self) -> dict[str, Any]:
        shares = {"known_share_trained": self.known_trained, "known_share_served": self.known_served}
        return {**shares, "comparisons": [skew.as_json() for skew in self.skews]}


def compare_populations(connection: Connection, population: Mapping[str, Any], now: datetime) -> Populations:
    """Compares the training sample (of the champion's manifest) and the served of before with the served of lately."""
    lately = list_served(connection, since=now - LATELY, until=now, limit=POPULATION)
    before = list_served(connection, since=now - LATELY - BEFORE, until=now - LATELY, limit=POPULATION)
    served, earlier = _features(connection, lately), _features(connection, before)
    trained = [list(row) for row in population.get("features", ())]
    skews = [
        _compare("trained on / served lately", trained, served, least=MAJOR),
        _compare("served before / served lately", earlier, served),
    ]
    ids = [int(one) for one in population.get("profiles", ()) if str(one).isdigit()]
    return Populations(_known_share(connection, ids), _known_share(connection, lately), skews)


def _features(connection: Connection, moments: Mapping[int, datetime]) -> list[list[float]]:
    found = []
    for profile_id, row in read_profiles(connection, list(moments)).items():
        touches = touches_of_state(ProfileState.from_json(row.state), micros(moments[profile_id]))
        if at := last_touch(touches):
            found.append(features_of(touches, at))
    return found


def _known_share(connection: Connection, ids: Iterable[int]) -> float | None:
    asked = list(ids)
    return len(list_known(connection, asked)) / len(asked) if asked else None


def _compare(
    name: str, trained: Sequence[Sequence[float]], served: Sequence[Sequence[float]], least: float = 0.0
) -> Skew:
    if min(len(trained), len(served)) < FEWEST:
        note = f"too few profiles to compare: {len(trained)} and {len(served)}, {FEWEST} are needed"
        return Skew(name, len(trained), len(served), [], note, least)
    drifts = drift_of(list(FEATURES), np.array(trained), np.array(served))
    return Skew(name, len(trained), len(served), drifts, "", least)
