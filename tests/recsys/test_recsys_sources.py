"""One suite for every source: known answers, determinism, saving, odd logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import build_catalog
from recsys.errors import BadArtifact
from recsys.log import build_log
from recsys.queries import Queries
from recsys.sources.attributes import Attributes
from recsys.sources.base import Judge, Source
from recsys.sources.complements import Complements
from recsys.sources.context import PopularityBy, cohorts
from recsys.sources.ease import Ease
from recsys.sources.ease_returning import EaseReturning, sessions_with_history
from recsys.sources.embedding import Embedding
from recsys.sources.factors import Factors
from recsys.sources.history import History
from recsys.sources.item_knn import ItemKnn
from recsys.sources.popularity import Popularity, decayed_counts
from recsys.sources.rhythm import BuyAgain
from recsys.sources.sequence import Sequence
from recsys.sources.session_knn import SessionKnn

TEA = ["tea", "pot", "honey"]
BIKE = ["bike", "helmet", "pump"]
CATALOG = pd.DataFrame(
    {
        "product_id": [*TEA, *BIKE, "new tea"],
        "title": ["green tea", "tea pot", "tea honey", "city bike", "bike helmet", "bike pump", "black tea"],
        "category": ["kitchen"] * 3 + ["sport"] * 3 + ["kitchen"],
    }
)


def shop(times: bool = True, profiles: bool = True) -> pd.DataFrame:
    """Forty sessions: half about tea, half about bikes, each in the same order."""
    rows = [(s, p) for s in range(40) for p in (TEA if s % 2 else BIKE)]
    frame = pd.DataFrame(rows, columns=["session_id", "product_id"])
    frame["profile_id"] = [f"u{s % 10}" if profiles else None for s, _ in rows]
    frame["occurred_at"] = pd.date_range("2026-01-01", periods=len(rows), freq="h", tz="UTC") if times else pd.NaT
    return frame


CATALOGUE = build_catalog(CATALOG, shop())
PERSONAL: list[Callable[[], Source]] = [
    lambda: ItemKnn("tfidf"),
    lambda: ItemKnn("bm25", history_share=0.2),
    lambda: ItemKnn("cosine", by_actor=True),
    lambda: ItemKnn("tfidf", fade=0.2, name="item_knn_recent"),
    lambda: ItemKnn("walk"),
    lambda: ItemKnn("walk", hops=2, name="walk_twice"),
    Sequence,
    lambda: Sequence(backward=1.0, steps=30, name="association"),
    SessionKnn,
    lambda: SessionKnn(history_share=0.1),
    lambda: SessionKnn(history_share=0.3, by_actor=True, name="shopper_knn"),
    lambda: Factors("als", size=8),
    lambda: Factors("bpr", size=8),
    lambda: Ease(penalty=1.0),
    lambda: EaseReturning(penalty=1.0),
    lambda: Attributes(CATALOGUE),
    lambda: Embedding(size=8),
    lambda: Embedding(CATALOGUE, size=8, name="embedding_attributes"),
    lambda: PopularityBy("category", CATALOGUE),
]
OTHERS: list[Callable[[], Source]] = [
    Popularity,
    History,
    BuyAgain,
    lambda: Complements(CATALOGUE),
    lambda: PopularityBy("cohort", CATALOGUE),
    lambda: PopularityBy("referral", CATALOGUE),
    lambda: PopularityBy("brand", CATALOGUE),
]
ALL = [*PERSONAL, *OTHERS]


def names(source: Source, queries: Queries, depth: int = 7) -> list[list[str]]:
    answer = source.score(queries, depth)
    ids = CATALOGUE.products.external
    return [[ids[c] for c in answer.indices[a:b]] for a, b in zip(answer.indptr, answer.indptr[1:], strict=False)]


def asking(*products: str) -> Queries:
    return Queries.of([CATALOGUE.products.numbers(list(products)).tolist()])


@pytest.mark.parametrize("make", PERSONAL)
@pytest.mark.parametrize(("seen", "first"), [("tea", TEA), ("bike", BIKE)])
def test_known_answer_what_goes_with_a_product_comes_first(make: Callable[[], Source], seen: str, first: list[str]):
    source = make().fit(build_log(shop(), CATALOGUE.products))
    best = [p for p in names(source, asking(seen))[0] if p != seen][:2]
    assert set(best) <= {*first, "new tea"}


@pytest.mark.parametrize("make", [one for one in ALL if one().abilities.judges])
def test_a_judge_thinks_of_given_products_what_its_answer_says(make: Callable[[], Source]) -> None:
    source = make().fit(build_log(shop(), CATALOGUE.products))
    queries = Queries.of([[0, 1], [3], [], list(range(7)) * 9], [[4], [], [], list(range(7)) * 9])
    answer = source.score(queries, len(CATALOGUE))
    row, product = np.indices(answer.shape)
    said = cast(Judge, source).judge(queries, row.ravel(), product.ravel()).reshape(answer.shape)
    assert said.max() > 0
    assert np.allclose(said, answer.toarray(), atol=1e-5)


@pytest.mark.parametrize("make", ALL)
def test_answers_are_ordered_bounded_positive_and_repeatable(make: Callable[[], Source]):
    log = build_log(shop(), CATALOGUE.products)
    queries = Queries.of([[0], [3, 4], [], [0, 3]], [[1], [], [], []], [0, -1, -1, 2])
    one, two = make().fit(log).score(queries, 3), make().fit(log).score(queries, 3)
    assert one.shape == (4, len(CATALOGUE))
    assert (np.diff(one.indptr) <= 3).all() and (one.data > 0).all() and np.isfinite(one.data).all()
    for a, b in zip(one.indptr, one.indptr[1:], strict=False):
        assert (np.diff(one.data[a:b]) <= 1e-6).all()
        assert len(set(one.indices[a:b].tolist())) == b - a
    assert (one != two).nnz == 0


@pytest.mark.parametrize("make", ALL)
def test_a_saved_source_answers_the_same(make: Callable[[], Source], tmp_path: Path):
    source = make().fit(build_log(shop(), CATALOGUE.products))
    source.save(tmp_path / "model")
    assert names(make().load(tmp_path / "model"), asking("tea")) == names(source, asking("tea"))


@pytest.mark.parametrize("make", ALL)
def test_a_missing_artifact_is_one_clear_error(make: Callable[[], Source], tmp_path: Path):
    with pytest.raises(BadArtifact, match="train again"):
        make().load(tmp_path / "nowhere")


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"product_id": ["tea"]}),
        pd.DataFrame({"product_id": ["tea"] * 1000, "session_id": 1, "profile_id": "bot"}),
        shop(times=False, profiles=False),
        shop(times=False),
        shop().drop(columns=["session_id", "profile_id"]),
        shop().head(0),
    ],
    ids=["one event", "one product, one bot", "no times, no profiles", "no times", "no sessions", "nothing"],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_odd_logs_are_survived(make: Callable[[], Source], frame: pd.DataFrame):
    source = make().fit(build_log(frame, CATALOGUE.products))
    assert source.score(Queries.of([[0], []]), 5).shape == (2, len(CATALOGUE))


def test_sequences_have_a_direction():
    found = names(Sequence().fit(build_log(shop(), CATALOGUE.products)), asking("honey"))[0]
    assert found == []


def test_new_products_come_in_by_their_attributes():
    source = Attributes(CATALOGUE).fit(build_log(shop(), CATALOGUE.products))
    assert "new tea" in names(source, asking("tea"))[0]


def test_popularity_fades_and_ten_thousand_repeats_count_once():
    frame = pd.DataFrame({"product_id": ["old"] * 10_000 + ["fresh"], "session_id": [1] * 10_000 + [2]})
    frame["occurred_at"] = pd.to_datetime(["2026-01-01"] * 10_000 + ["2026-01-31"], utc=True)
    log = build_log(frame)
    assert decayed_counts(log, 30.0).tolist() == pytest.approx([0.5, 1.0])


def test_own_products_come_latest_first():
    assert names(History().fit(build_log(shop(), CATALOGUE.products)), asking("tea", "bike", "tea"))[0] == [
        "tea",
        "bike",
    ]


def returning() -> pd.DataFrame:
    """Every shopper buys tea in the first session and comes back for a pot, alone; others buy a pump, and again."""
    rows = [(f"{u}-{visit}", u, p) for visit, p in enumerate(["tea", "pot"]) for u in range(20)]
    rows += [(f"{u}-{visit}", u, "pump") for visit in range(2) for u in range(20, 40)]
    frame = pd.DataFrame(rows, columns=["session_id", "profile_id", "product_id"])
    frame["occurred_at"] = pd.date_range("2026-01-01", periods=len(rows), freq="h", tz="UTC")
    return frame


def test_what_a_shopper_touched_before_calls_for_other_products_than_a_session_does():
    source = EaseReturning(penalty=1.0).fit(build_log(returning(), CATALOGUE.products))
    tea, pump = CATALOGUE.products.numbers(["tea", "pump"]).tolist()
    assert names(source, Queries.of([[]], [[tea]])) == [["pot"]]
    assert names(source, Queries.of([[]], [[pump]])) == [["pump"]]
    assert names(source, Queries.of([[tea], [pump]])) == [[], []]


def test_the_history_of_a_session_is_what_its_shopper_touched_in_sessions_before():
    frame = pd.DataFrame(
        [(1, "a", "tea"), (1, "a", "pot"), (2, None, "bike"), (3, "b", "pump"), (4, "a", "honey"), (5, None, "bike")],
        columns=["session_id", "profile_id", "product_id"],
    )
    found = sessions_with_history(build_log(frame, CATALOGUE.products), most=2)
    said = [CATALOGUE.products.external[number] for number in (*found.prefix, *found.history)]
    assert said == ["honey", "bike", "tea", "pot"]
    assert found.prefix_start.tolist() == [0, 1, 2] and found.history_start.tolist() == [0, 2, 2]


def test_an_embedding_places_products_nobody_touched_by_their_attributes():
    source = Embedding(CATALOGUE, size=8).fit(build_log(shop(), CATALOGUE.products))
    assert "new tea" in names(source, asking("tea"), 4)[0]
    assert "new tea" not in names(source, asking("bike"), 3)[0]
    assert source.abilities.new_products
    assert "new tea" not in names(Embedding(size=8).fit(build_log(shop(), CATALOGUE.products)), asking("tea"))[0]


def orders() -> pd.DataFrame:
    """Two cameras are compared, one of them is ordered with a bag; every tenth day u1 orders film."""
    rows = []
    for session in range(30):
        rows += [(session, p, "Product Viewed", f"u{session + 2}", "search") for p in ("camera a", "camera b")]
        chosen = ("camera a", "camera b")[session % 2]
        rows += [(session, p, "Order Completed", f"u{session + 2}", "search") for p in (chosen, "bag")]
    rows += [(100 + n, "film", "Order Completed", "u1", "newsletter") for n in range(5)]
    frame = pd.DataFrame(rows, columns=["session_id", "product_id", "event", "profile_id", "referral_source"])
    days = [n / 4 for n in range(len(frame) - 5)] + [10.0 * n for n in range(5)]
    frame["occurred_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    return frame.sort_values("occurred_at", kind="stable", ignore_index=True)


CAMERAS = build_catalog(
    pd.DataFrame(
        {"product_id": ["camera a", "camera b", "bag", "film"], "category": ["camera", "camera", "bags", "film"]}
    ),
    orders(),
)


def answer_of(source: Source, queries: Queries) -> list[str]:
    ids = CAMERAS.products.external
    return [ids[c] for c in source.score(queries, 9).indices]


def test_complements_come_from_orders_and_are_never_a_substitute():
    source = Complements(CAMERAS).fit(build_log(orders(), CAMERAS.products))
    camera = CAMERAS.products.numbers(["camera a"]).tolist()
    assert answer_of(source, Queries.of([camera])) == ["bag"]
    assert "camera b" in answer_of(ItemKnn("cosine").fit(build_log(orders(), CAMERAS.products)), Queries.of([camera]))


@pytest.mark.parametrize(("days", "expected"), [(10.0, 1.0), (11.0, 0.98), (1.0, 0.0)])
def test_buy_again_waits_for_the_rhythm(days: float, expected: float):
    log = build_log(orders(), CAMERAS.products)
    source = BuyAgain().fit(log)
    last = pd.Timestamp("2026-02-10", tz="UTC") + pd.Timedelta(days=days)
    asked = Queries.of([[], []], None, log.profiles.numbers(["u1", "u2"]), [last.timestamp()] * 2)
    answer = source.score(asked, 9)
    assert [CAMERAS.products.external[c] for c in answer.indices] == ["film"]
    assert answer.toarray().max() == pytest.approx(expected, abs=0.02)


def test_popularity_follows_the_referral_source_and_the_cohort():
    log = build_log(orders(), CAMERAS.products)
    referral = PopularityBy("referral", CAMERAS).fit(log)
    code = log.referrals.numbers(["newsletter"])
    assert answer_of(referral, Queries.of([[]], referral=code)) == ["film"]
    assert answer_of(referral, Queries.of([[]])) == []
    cohort = PopularityBy("cohort", CAMERAS).fit(log)
    assert cohorts(log)[log.profiles.numbers(["u1", "u2"])].tolist() == [5, 3]
    assert answer_of(cohort, Queries.of([[]], None, log.profiles.numbers(["u1"]))) == ["film"]
    assert "film" not in answer_of(cohort, Queries.of([[]], None, log.profiles.numbers(["u2"])))
