"""The blend learns its order from the shop's history, answers the same in batch and alone, survives odd shops."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.blend import features, relations, variety
from recsys.blend.model import Blend, BlendSettings, share_of
from recsys.blend.opinions import opinions
from recsys.blend.ranker import Growth, RankerSettings, need_of
from recsys.catalog import build_catalog
from recsys.errors import BadArtifact, OutdatedArtifact
from recsys.log import InteractionLog, build_log
from recsys.queries import Queries
from recsys.request import Fetched, Request, Signal, SlotSpec
from recsys.serving import keys_needed, recommend
from recsys.slates import SlotKind
from recsys.training import TrainingSettings, train

pytestmark = pytest.mark.slow

QUICK = BlendSettings(
    examples=600, depth=20, candidates=40, ranker=RankerSettings((Growth(0.1, 8, 20, False),), rounds=30, threads=1)
)


def history(sessions: int = 900) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    rows = []
    for session in range(sessions):
        profile = int(generator.integers(60))
        at = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=session)
        start = profile % 6 * 8 + int(generator.integers(8))
        for step in range(4):
            product = start // 8 * 8 + (start + step) % 8
            rows.append((session, f"u{profile}", f"p{product}", "Product Viewed", at + pd.Timedelta(minutes=step)))
    return pd.DataFrame(rows, columns=["session_id", "profile_id", "product_id", "event", "occurred_at"])


FRAME = history()
PRODUCTS = pd.DataFrame(
    {"product_id": [f"p{i}" for i in range(48)], "category": [f"c{i // 8}" for i in range(48)], "price": 9.0}
)
CATALOG = build_catalog(PRODUCTS, FRAME)


@pytest.fixture(scope="module")
def log() -> InteractionLog:
    return build_log(FRAME, CATALOG.products)


@pytest.fixture(scope="module")
def blend(log: InteractionLog) -> Blend:
    return Blend(CATALOG, QUICK).fit(log)


def test_the_blend_learns_what_follows_what(blend: Blend):
    asked = CATALOG.products.numbers(["p0", "p1"]).tolist()
    answer = blend.score(Queries.of([asked]), 6)
    names = [CATALOG.products.external[c] for c in answer.indices]
    assert blend.ranker is not None
    assert "p2" in [n for n in names if n not in ("p0", "p1")][:2]


def test_the_opinions_of_the_sources_are_told_beside_the_order(blend: Blend):
    query = Queries.of([CATALOG.products.numbers(["p0", "p1"]).tolist()])
    answer, found = blend.score(query, 6), opinions(blend, query, 6)
    assert [one.product for one in found] == answer.indices.tolist()
    history = next(s for s in blend.sources if s.name == "history").score(query, 10)
    p1 = int(CATALOG.products.numbers(["p1"])[0])
    [own] = [one for one in found if one.product == p1]
    assert own.places["history"] == history.indices.tolist().index(p1) + 1
    assert list(own.places.values()) == sorted(own.places.values())
    unseen = next(one for one in found if one.product not in history.indices)
    assert "history" not in unseen.places


def test_features_are_the_same_in_batch_and_one_by_one(blend: Blend, log: InteractionLog):
    assert blend.features is not None
    prefixes, histories = [[0, 1], [9], [], [40, 41, 40]], [[3, 3], [], [5], []]
    profile, at = [0, 1, -1, 2], [log.at.max() + 60.0] * 4
    queries = Queries.of(prefixes, histories, profile, at)
    pairs = blend.candidates(queries)
    batch = blend.features.compute(queries, pairs)
    for row in range(4):
        alone = Queries.of([prefixes[row]], [histories[row]], [profile[row]], [at[row]])
        found = blend.candidates(alone)
        mine = pairs.query == row
        assert found.product.tolist() == pairs.product[mine].tolist()
        np.testing.assert_allclose(blend.features.compute(alone, found), batch[mine], rtol=1e-4, atol=1e-5)


def test_compiled_or_not_the_order_is_the_same(blend: Blend, log: InteractionLog, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    assert blend.ranker is not None and blend.features is not None
    chance = np.random.default_rng(5)
    prefixes = [chance.integers(0, 48, n % 7).tolist() for n in range(90)]
    histories = [chance.integers(0, 48, n % 11).tolist() for n in range(90)]
    asked = Queries.of(prefixes, histories, chance.integers(-1, 60, 90), [log.at.max() + 60.0] * 90)
    pairs = blend.candidates(asked)
    facts = blend.features.compute(asked, pairs)
    ranked, shares = blend._ranked(asked, blend.ranker, blend.features, 20)  # a few queries at a time
    assert len(pairs) > 2000 and ranked.product.tolist() == pairs.product.tolist()
    assert np.array_equal(shares, share_of(blend.ranker.score(facts)))
    monkeypatch.setattr(blend, "variety", 0.3)
    fast = blend.score(asked, 20)
    for module in (features, relations, variety):
        monkeypatch.setattr(module, "kernels", lambda: None)
    np.testing.assert_allclose(blend.features.compute(asked, pairs), facts, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(blend.ranker, "trees", None)
    slow = blend.score(asked, 20)
    np.testing.assert_allclose(slow.data, fast.data, rtol=1e-6)
    assert (slow.indices == fast.indices).mean() > 0.99  # products of equal scores may change places


def test_who_wants_few_of_the_candidates_counts_more():
    labels, query = np.array([1, 0, 1, 1, 0, 1]), np.array([4, 4, 7, 7, 7, 7])  # one wanted, then three
    need = need_of(labels, query)
    assert need[:2].tolist() == pytest.approx([1.8, 1.8]) and need[2:].tolist() == pytest.approx([0.6] * 4)
    assert need_of(labels[:2], query[:2]).tolist() == [1.0, 1.0] and not len(need_of(labels[:0], query[:0]))
    came_first = np.array([2, 0, 1, 1, 2, 0])  # one product each, whatever came later
    assert need_of(came_first, query).tolist() == pytest.approx([1.0] * 6)


def test_feature_names_match_the_columns(blend: Blend):
    assert blend.features is not None
    queries = Queries.of([[0]])
    values = blend.features.compute(queries, blend.candidates(queries))
    assert values.shape[1] == len(blend.features.names) == len(set(blend.features.names))


def test_features_know_nothing_later_than_their_log(log: InteractionLog):
    early = log.select(log.at < np.median(log.at))
    blend = Blend(CATALOG, QUICK)
    blend._prepare(early)
    assert blend.features is not None and blend.features.touches is not None
    assert blend.features.touches.last_at.max() < np.median(log.at)


def test_a_saved_blend_answers_the_same(blend: Blend, log: InteractionLog, tmp_path: Path):
    blend.save(tmp_path)
    loaded = Blend(CATALOG, QUICK).load(tmp_path, log)
    queries = Queries.of([[0, 1], [20]], [[4], []], [1, -1])
    np.testing.assert_allclose(loaded.score(queries, 9).toarray(), blend.score(queries, 9).toarray(), rtol=1e-5)


def test_a_blend_of_another_catalog_is_refused(blend: Blend, log: InteractionLog, tmp_path: Path):
    blend.save(tmp_path)
    with pytest.raises(BadArtifact, match="train again"):
        Blend(replace(CATALOG, products=build_catalog(None, FRAME.head(9)).products), QUICK).load(tmp_path, log)


def test_a_blend_that_ranks_by_other_features_is_refused(blend: Blend, log: InteractionLog, tmp_path: Path):
    blend.save(tmp_path)
    names = json.loads((tmp_path / "blend.json").read_text())
    (tmp_path / "blend.json").write_text(json.dumps({**names, "features": names["features"][:-1]}))
    with pytest.raises(OutdatedArtifact, match="other features"):
        Blend(CATALOG, QUICK).load(tmp_path, log)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.drop(columns=["occurred_at", "profile_id", "event"]),
        FRAME.assign(occurred_at=pd.NaT, profile_id=None),
        FRAME.head(1),
        FRAME.assign(product_id="p0"),
        FRAME.assign(profile_id="bot", session_id=1),
        FRAME.assign(event="Order Completed", occurred_at=FRAME.groupby("session_id").occurred_at.transform("min")),
        FRAME.assign(session_id=range(len(FRAME)), profile_id=None),
        FRAME.assign(session_id=range(len(FRAME)), occurred_at=pd.NaT),
        FRAME.assign(occurred_at=FRAME.occurred_at.where(FRAME.index % 3 > 0)),
        FRAME.assign(product_id=FRAME.product_id.where(FRAME.index % 4 < 2, "p0")),
        FRAME.sample(frac=1.0, random_state=1),
        FRAME.head(0),
    ],
    ids=[
        "bare sessions",
        "no times, no shoppers",
        "one event",
        "one product",
        "one bot",
        "baskets",
        "sessions of one product",
        "sessions of one product, no times",
        "some times missing",
        "heavy repeats",
        "rows in no order",
        "nothing yet",
    ],
)
def test_odd_shops_get_an_answer(frame: pd.DataFrame):
    catalog = build_catalog(PRODUCTS, frame)
    blend = Blend(catalog, QUICK).fit(build_log(frame, catalog.products))
    found = blend.score(Queries.of([[0], [], [0] * 500], [[], [1], [2] * 500], [0, -1, -1], [np.nan] * 3), 20)
    assert found.shape == (3, len(catalog)) and np.isfinite(found.data).all()
    touched = frame.product_id.nunique()
    assert np.diff(found.indptr).min() >= min(20, touched)
    assert all(len(set(row.indices)) == row.nnz for row in found)


def test_training_with_the_blend_fills_the_slates_of_the_chosen_profiles():
    settings = TrainingSettings(ranking="blend", blend=QUICK)
    artifacts = train(FRAME, PRODUCTS, now=datetime(2026, 3, 1, tzinfo=UTC), settings=settings, profiles=["u1", "u7"])
    store = dict(artifacts.packed())
    assert {k for k in store if k.startswith("s:")} == {"s:u1", "s:u7"}
    asked = Request(SlotSpec("x", SlotKind.NEXT_BEST), profile_id="u1", signals=[Signal("p8")])
    assert len(recommend(asked, Fetched({k: store.get(k) for k in keys_needed(asked)})).items) == 4


def test_training_twice_gives_the_same_bytes():
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert dict(train(FRAME, PRODUCTS, now=now).packed()) == dict(train(FRAME, PRODUCTS, now=now).packed())
