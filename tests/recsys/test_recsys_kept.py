"""Interactions as columns of numbers give the same log, lists and neighbours as the same interactions in a frame."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from recsys import fingerprints
from recsys.arrays import csr, top
from recsys.catalog import build_catalog, catalog_of
from recsys.columns import Columns, Events
from recsys.kept import SESSION_GAP, Kept
from recsys.packing import Ranked
from recsys.training import train, train_log

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PRODUCTS = pd.DataFrame(
    {"product_id": [f"p{n}" for n in range(12)], "category": [f"c{n // 4}" for n in range(12)], "price": 500}
)


def drawn(rows: int, seed: int) -> Kept:
    """Rows of a few shoppers in time order, a bot's among them; some of no product, some of none of the catalog."""
    chance = np.random.default_rng(seed)
    products = [f"p{n}" for n in range(15)]
    profile = np.minimum(chance.integers(1, 12, rows), 9)
    return Kept(
        number=np.arange(rows),
        place=np.ones(rows, dtype=np.int16),
        profile=profile,
        at=np.sort(chance.integers(0, 86_400, rows)) * 1_000_000 + 1_767_225_600_000_000,
        event=np.minimum(chance.geometric(0.6, rows) - 1, 3).astype(np.int16),
        product=chance.integers(-1, len(products), rows).astype(np.int32),
        referral=chance.integers(-1, 3, rows).astype(np.int32),
        locality=(profile % 3 - 1).astype(np.int32),
        products=products,
        referrals=["mail", "ad", "search"],
        localities=["NA", "de"],
    )


def as_frame(rows: Kept) -> pd.DataFrame:
    """The same rows as training takes them."""

    def names(codes: np.ndarray, texts: list[str]) -> list[str | None]:
        return [texts[code] if code >= 0 else None for code in codes]

    frame = pd.DataFrame(
        {
            Columns.PROFILE: [str(one) for one in rows.profile],
            Columns.OCCURRED_AT: pd.to_datetime(rows.at, unit="us", utc=True),
            Columns.EVENT: [Events.NAMES[code] for code in rows.event],
            Columns.PRODUCT: names(rows.product, rows.products),
            Columns.REFERRAL: names(rows.referral, rows.referrals),
            Columns.LOCALITY: names(rows.locality, rows.localities),
        }
    )
    ordered = frame.sort_values([Columns.PROFILE, Columns.OCCURRED_AT], kind="stable")
    fresh = ordered[Columns.PROFILE].ne(ordered[Columns.PROFILE].shift())
    pause = ordered[Columns.OCCURRED_AT].diff() > pd.Timedelta(seconds=SESSION_GAP)
    frame[Columns.SESSION] = (fresh | pause).cumsum().reindex(frame.index)
    return frame


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [0, 1, 40, 1500])
def test_columns_and_frames_teach_the_same(rows: int, seed: int) -> None:
    kept = drawn(rows, seed)
    frame = as_frame(kept)
    catalog = catalog_of(PRODUCTS, kept.touched())
    assert catalog.products.external == build_catalog(PRODUCTS, frame).products.external
    by_columns = train_log(kept.log(catalog.products), catalog, kept.visits(catalog.products), now=NOW)
    by_frame = train(frame, PRODUCTS, now=NOW)
    assert by_columns.version == by_frame.version  # a digest of every array of the log
    assert dict(by_columns.packed()) == dict(by_frame.packed())


@pytest.mark.parametrize("seed", range(5))
def test_rows_that_come_in_parts_and_late_are_the_rows_that_come_at_once(seed: int) -> None:
    whole, chance = drawn(600, seed), np.random.default_rng(seed)
    part = chance.integers(0, 3, len(whole))
    found = whole.select(part == 0)
    for number in (1, 2):
        more = whole.select(part <= number)  # those known already come again
        texts = chance.permutation(len(whole.products))
        renamed = {**more.columns, "product": np.append(np.argsort(texts), -1)[more.product].astype(np.int32)}
        names = [whole.products[one] for one in texts]
        found = found.joined(
            Kept(**renamed, products=names, referrals=more.referrals, localities=["NA", "de"]).without(found)
        )
    products = catalog_of(PRODUCTS, whole.touched()).products
    assert found.touched() == whole.touched()
    ours, theirs = found.log(products), whole.log(products)
    for name in ("session", "profile", "product", "event", "at", "referral"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist()


def test_profiles_are_joined_moved_and_taken_out() -> None:
    rows = drawn(300, 1)
    found = rows.with_profiles({1: (2, "fr"), 3: None, 5: (5, "")})
    assert set(found.profile) == set(rows.profile) - {1, 3}
    both = np.isin(rows.profile, [1, 2])
    assert sorted(found.number[found.profile == 2]) == sorted(rows.number[both])
    came = dict(zip(*found.profiles_with_localities(), strict=True))
    assert came[5] == ""
    assert {
        found.localities[code] for code in found.locality[np.isin(found.number, rows.number[rows.profile == 1])]
    } == {"fr"}
    assert rows.with_profiles({}) is rows


def test_a_record_says_something_new_when_order_or_score_or_rhythm_change() -> None:
    names = ["a", "b", "c"]
    scores = top(csr(np.array([[0, 1.0, 0.51], [0.4, 0, 0], [0, 0, 0]])), 3)
    said = fingerprints.of_rows([scores], np.zeros(3), names)
    assert said[2] == 0 and said[0] != said[1] != 0

    def changed(values: list[list[float]], rhythm: float = 0.0) -> list[bool]:
        other = fingerprints.of_rows([top(csr(np.array(values)), 3)], np.array([rhythm, 0, 0]), names)
        return (other != said).tolist()

    assert changed([[0, 1.0, 0.511], [0.4, 0, 0], [0, 0, 0]]) == [False, False, False]  # less than a step
    assert changed([[0, 1.0, 0.52], [0.4, 0, 0], [0, 0, 0]]) == [True, False, False]
    assert changed([[0, 0.51, 1.0], [0, 0.4, 0], [0, 0, 0]]) == [True, True, False]
    assert changed([[0, 1.0, 0.51], [0.4, 0, 0], [0, 0, 0]], rhythm=7.0) == [True, False, False]
    one, two = Ranked(["a", "b"], [1.0, 0.5], "new"), Ranked(["b", "a"], [1.0, 0.5], "new")
    assert fingerprints.of_list(one) != fingerprints.of_list(two)
