"""What training learns about products: neighbours, complements, rhythm; and variety in what is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from recsys.arrays import Matrix, from_rows
from recsys.blend.variety import Traits, tuned_weight, varied
from recsys.catalog import build_catalog
from recsys.log import build_log
from recsys.neighbours import neighbours_of, repeat_rhythm
from recsys.training import train

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def two_cameras() -> pd.DataFrame:
    """Shoppers compare two cameras and then order one of them with a bag."""
    rows = []
    for session in range(30):
        rows += [(session, p, "Product Viewed") for p in ("camera a", "camera b")]
        rows += [(session, p, "Order Completed") for p in (("camera a", "camera b")[session % 2], "bag")]
    rows += [(100 + s, p, "Product Viewed") for s in range(30) for p in ("sofa", "lamp")]
    return pd.DataFrame(rows, columns=["session_id", "product_id", "event"])


PRODUCTS = pd.DataFrame(
    {
        "product_id": ["camera a", "camera b", "bag", "sofa", "lamp"],
        "category": ["camera", "camera", "bags", "home", "home"],
    }
)


def lists_of(product: str) -> dict[str, list[str]]:
    frame = two_cameras()
    catalog = build_catalog(PRODUCTS, frame)
    found = neighbours_of(build_log(frame, catalog.products), catalog, 10)
    row = int(catalog.products.numbers([product])[0])
    names = catalog.products.external
    return {
        kind: [names[c] for c in matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]]
        for kind, matrix in vars(found).items()
        if sp.issparse(matrix)
    }


def test_alternatives_are_similar_and_companions_complement():
    found = lists_of("camera a")
    assert found["similar"][0] == "camera b"
    assert found["complement"] == ["bag"]
    assert "camera b" in found["substitute"]


def test_the_rhythm_of_a_product_is_the_median_of_repeat_purchases():
    days = [0, 30, 60, 90]
    frame = pd.DataFrame({"product_id": ["refill"] * 4 + ["sofa"], "profile_id": "ann", "event": "Order Completed"})
    frame["occurred_at"] = [pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=d) for d in [*days, 90]]
    frame["session_id"] = range(5)
    assert repeat_rhythm(build_log(frame)).tolist() == pytest.approx([30.0, 0.0])


def test_what_happens_after_now_is_not_learned():
    frame = two_cameras().assign(occurred_at=pd.Timestamp("2026-05-01", tz="UTC"))
    later = pd.DataFrame({"session_id": [999, 999], "product_id": ["sofa", "bag"], "event": "Order Completed"})
    later["occurred_at"] = pd.Timestamp("2026-07-01", tz="UTC")
    known = train(frame, PRODUCTS, now=NOW)
    more = train(pd.concat([frame, later], ignore_index=True), PRODUCTS, now=NOW)
    assert known.lists == more.lists and known.version == more.version


def test_variety_spreads_variants_and_keeps_the_first():
    scores = from_rows(np.array([0.9, 0.89, 0.5]), np.array([0, 1, 2]), np.array([0, 3]), (1, 3))
    attributes = sp.csr_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert varied(scores, Traits(attributes), 0.0).indices.tolist() == [0, 1, 2]
    assert varied(scores, Traits(attributes), 5.0).indices.tolist() == [0, 2, 1]


def test_products_that_are_wanted_together_make_room_as_variants_do():
    scores = from_rows(np.array([0.9, 0.89, 0.5]), np.array([0, 1, 2]), np.array([0, 3]), (1, 3))
    attributes = sp.csr_matrix(np.eye(3))
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
    assert varied(scores, Traits(attributes), 5.0).indices.tolist() == [0, 1, 2]
    assert varied(scores, Traits(attributes, vectors), 5.0).indices.tolist() == [0, 2, 1]


def many_variants(wanted: list[int]) -> tuple[Matrix, Traits, np.ndarray, np.ndarray]:
    """Shoppers who are shown eight variants of one product before another; each wants one of them."""
    size = len(wanted)
    scores = from_rows(
        np.tile(np.linspace(0.9, 0.5, 9), size), np.tile(np.arange(9), size), np.arange(size + 1) * 9, (size, 9)
    )
    attributes = sp.csr_matrix(np.array([[1.0, 0.0]] * 8 + [[0.0, 1.0]]))
    return scores, Traits(attributes), np.arange(size + 1), np.array(wanted)


def test_variety_is_taken_where_it_surely_brings_hits():
    assert tuned_weight(*many_variants([0, 8] * 20), [0.01, 2.0, 9.0]) == 9.0
    assert tuned_weight(*many_variants([0] * 40), [0.01, 2.0, 9.0]) == 0.0
    one_of_few = [0] * 9 + [8]
    assert tuned_weight(*many_variants(one_of_few), [2.0]) == 0.0  # one more hit among ten may be chance


def test_variety_is_not_bought_with_relevance():
    scores = from_rows(np.array([0.9, 0.89, 0.5] * 50), np.tile([0, 1, 2], 50), np.arange(51) * 3, (50, 3))
    attributes = sp.csr_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert tuned_weight(scores, Traits(attributes), np.arange(51), np.ones(50, dtype=int), [0.0, 5.0]) == 0.0
