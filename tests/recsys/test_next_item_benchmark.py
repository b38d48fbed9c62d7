"""The recommender handed to the next-item protocol answers whatever a stranger's files ask."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.next_item import fit


@dataclass
class Asked:
    prefix: list[object]
    history: list[object] = field(default_factory=list)
    profile_id: str | None = None
    at: pd.Timestamp | None = None


def test_queries_without_time_shopper_or_known_product_get_an_answer():
    generator = np.random.default_rng(5)
    start = generator.integers(0, 30, 60)
    rows = [
        (s, f"u{s % 9}" if s % 3 else None, f"p{(int(a) + step) % 30}")
        for s, a in enumerate(start)
        for step in range(3)
    ]
    train = pd.DataFrame(rows, columns=["session_id", "profile_id", "product_id"])
    recommend = fit(train.assign(event="Product Viewed", occurred_at=pd.NaT), train[["product_id"]].drop_duplicates())
    late = pd.Timestamp("2026-03-01")
    asked = [
        Asked(["p1"]),
        Asked([]),
        Asked(["never seen"], ["nor this"], "nobody", late),
        Asked(["p1"] * 300, ["p2"] * 900, "u1", late.tz_localize("UTC")),
        Asked(["p1"], at=pd.NaT),
    ]
    answers = recommend(asked)
    assert all(len(set(a)) == len(a) >= 20 for a in answers)
    assert answers[0] == answers[4] == recommend(asked[:1])[0]
