"""Precomputed slates: bytes as `pack` writes them, products never touched kept apart, models asked again from files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys import keys
from recsys.arrays import from_rows
from recsys.errors import BadArtifact
from recsys.packing import Ranked, pack, pack_lists, unpack
from recsys.precompute import Model, profile_queries
from recsys.sources.context import PopularityBy
from recsys.stored import load_model, save_model
from recsys.training import TrainingSettings, train

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def history(seed: int = 1, shoppers: int = 80) -> pd.DataFrame:
    """Shoppers who like one of four shelves each, some visits each."""
    chance = np.random.default_rng(seed)
    rows = []
    for visit in range(shoppers * 5):
        shopper = int(chance.integers(shoppers))
        at = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=visit)
        for step in range(4):
            product = f"p{shopper % 4 * 12 + chance.integers(12)}"
            rows.append((f"u{shopper}", visit, product, at + pd.Timedelta(minutes=step)))
    return pd.DataFrame(rows, columns=["profile_id", "session_id", "product_id", "occurred_at"])


FRAME = history()


@pytest.fixture(scope="module", params=["neighbours", "blend"])
def model(request: pytest.FixtureRequest) -> Model:
    return train(FRAME, now=NOW, settings=TrainingSettings(ranking=request.param), profiles=[]).model


def test_many_records_at_once_are_the_bytes_of_one_at_a_time() -> None:
    best = from_rows(np.array([1.0, 0.5, 0.25]), np.array([2, 0, 1]), np.array([0, 2, 2, 3]), (3, 3))
    rest = from_rows(np.array([0.125]), np.array([1]), np.array([0, 1, 1, 1]), (3, 3))
    names = ["ä", "b", "c"]
    packed = list(
        pack_lists({"blend": best, "unseen": rest}, [n.encode() for n in names], "blend", version="v", made_at=NOW)
    )
    whole = {"blend": Ranked(["c", "ä"], [1.0, 0.5], "blend"), "unseen": Ranked(["b"], [0.125], "blend")}
    assert packed == [
        pack(whole, version="v", made_at=NOW),
        b"",
        pack({"blend": Ranked(["b"], [0.25], "blend")}, version="v", made_at=NOW),
    ]


def test_a_slate_holds_products_the_shopper_never_touched(model: Model) -> None:
    rows = FRAME[FRAME["profile_id"] == "u5"]
    [(key, record)] = model.answer_rows(rows, NOW)
    lists = unpack(record).lists
    touched = set(rows["product_id"])
    unseen = [p for name in lists for p in lists[name][0] if p not in touched]
    assert key == "s:u5"
    assert unseen
    assert len(set(unseen)) == len(unseen)


def test_a_model_from_files_answers_as_before(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    newcomer = pd.DataFrame({"profile_id": "new", "session_id": 1, "product_id": ["p1", "never seen", "p2"]})
    rows = pd.concat([FRAME.tail(200), newcomer.assign(occurred_at=FRAME["occurred_at"].max())])
    assert dict(loaded.answer_rows(rows, NOW)) == dict(model.answer_rows(rows, NOW))
    (tmp_path / "log.parquet").write_bytes(b"cut off")
    with pytest.raises(BadArtifact, match="train again"):
        load_model(tmp_path)


def test_where_a_shopper_came_from_counts_in_a_slate_and_is_kept_with_a_model(tmp_path: Path) -> None:
    frame = FRAME.assign(referral_source=np.where(FRAME["product_id"].isin(["p1", "p2"]), "news", "search"))
    fitted = train(frame, now=NOW, profiles=[]).model
    by_source = Model(
        fitted.catalog, fitted.log, PopularityBy("referral", fitted.catalog).fit(fitted.log), fitted.version
    )
    rows = frame[frame["referral_source"] == "news"].tail(1)  # numbers its sources anew
    [(_, record)] = by_source.answer_rows(rows, NOW)
    assert set(unpack(record).lists["blend"][0]) == {"p1", "p2"}
    save_model(fitted, tmp_path)
    loaded = load_model(tmp_path).log
    assert loaded.referral is not None
    assert loaded.referrals.ids(loaded.referral) == fitted.log.referrals.ids(fitted.log.referral)


def test_slices_give_what_the_whole_gives(model: Model) -> None:
    whole = dict(model.answer_rows(FRAME, NOW))
    ids = FRAME["profile_id"].unique()
    parts = [dict(model.answer_rows(FRAME[FRAME["profile_id"].isin(ids[n::3])], NOW)) for n in range(3)]
    merged = {key: record for part in parts for key, record in part.items()}
    assert set(merged) == set(whole)
    for key, record in whole.items():
        one, other = unpack(record).lists, unpack(merged[key]).lists
        assert {name: one[name][0] for name in one} == {name: other[name][0] for name in other}


def test_a_question_is_asked_at_the_shoppers_own_last_moment(model: Model) -> None:
    queries = profile_queries(model.log, 30, np.arange(2))
    last = [float(model.log.at[model.log.profile == n].max()) for n in range(2)]
    assert queries.at.tolist() == last


def bestsellers(frame: pd.DataFrame, products: pd.DataFrame | None = None) -> list[str]:
    return list(train(frame, products, now=NOW, profiles=[]).lists[keys.GLOBAL].ids)


def test_a_bot_that_views_all_day_moves_no_bestseller() -> None:
    views = 200_000
    bot = pd.DataFrame(
        {"profile_id": "bot", "session_id": -1, "product_id": np.where(np.arange(views) % 2, "x1", "x2")}
    )
    bot["occurred_at"] = pd.date_range("2026-01-09", periods=views, freq="s", tz="UTC")
    found = bestsellers(pd.concat([FRAME, bot]).sort_values("occurred_at"))
    assert found[:10] == bestsellers(FRAME)[:10]


def test_a_product_listed_twice_is_one_product_with_its_last_row() -> None:
    twice = pd.DataFrame({"product_id": ["p1", "p2", "p1"], "category_id": ["old", "b", "new"]})
    catalog = train(FRAME, twice, now=NOW, profiles=[]).catalog
    assert catalog.products.external.count("p1") == 1
    assert catalog.categories[catalog.category[catalog.products.numbers(["p1"])[0]]] == "new"
    assert bestsellers(FRAME, twice) == [one for one in bestsellers(FRAME) if one in ("p1", "p2")]


def test_one_shopper_and_one_product_are_a_shop_too() -> None:
    lonely = pd.DataFrame({"profile_id": ["a"], "session_id": [1], "product_id": ["only"]})
    lonely["occurred_at"] = pd.Timestamp("2026-02-01", tz="UTC")
    artifacts = train(lonely, None, now=NOW)
    assert list(artifacts.lists[keys.GLOBAL].ids) == ["only"]
    assert dict(artifacts.packed())
