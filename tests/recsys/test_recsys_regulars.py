"""What a shopper who comes back did on which visits, and what lay near what in their own history: known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys.blend.regulars import PROFILE, Touches, history_block, own_block, profile_block
from recsys.log import build_log
from recsys.queries import Queries

PRODUCTS = 6
HOUR = 3600.0


def key(*cells: tuple[int, int]) -> np.ndarray:
    return np.array([query * PRODUCTS + product for query, product in cells])


def test_a_product_came_after_the_end_of_the_session_in_the_history_too():
    queries = Queries.of([[5, 0], [0], []], [[1, 0, 2, 3], [], [0, 1]])
    found = own_block(queries, key((0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (2, 1)), PRODUCTS)
    after, near, link = found.T
    assert after.tolist() == pytest.approx([0, 0, 1, 0.5, 0, 0, 0])
    assert near.tolist() == [0, 1, 1, 1, 0, 0, 0]
    assert link.tolist() == pytest.approx([0, 1 / 4, 1 / 4, 1 / 5, 0, 0, 0])


def test_products_near_several_of_the_session_add_up_each_by_its_nearest_meeting():
    queries = Queries.of([[0, 1]], [[0, 2, 1, 2, 2, 0]])
    after, near, link = own_block(queries, key((0, 2), (0, 3)), PRODUCTS).T
    assert after.tolist() == pytest.approx([1, 0])  # right after 1, the last one
    assert near.tolist() == [2, 0]
    assert link.tolist() == pytest.approx([2 / 4, 0])


def test_the_history_of_one_shopper_says_nothing_of_the_next():
    together = Queries.of([[0], [0]], [[1, 0], [2, 3]])
    cells = key((0, 1), (0, 2), (1, 1), (1, 2))
    assert own_block(together, cells, PRODUCTS)[1:].max() == 0


def test_how_much_of_a_session_is_known_from_before_and_from_how_long_ago():
    queries = Queries.of([[0, 1, 1], [4], [0], []], [[1, 2, 3, 0], [1], [], [1]])
    share, place = history_block(queries, PRODUCTS).T
    assert share.tolist() == pytest.approx([1, 0, np.nan, 0], nan_ok=True)
    assert place.tolist() == pytest.approx([(0 + 3 / 4) / 2, np.nan, np.nan, np.nan], nan_ok=True)


def visits() -> pd.DataFrame:
    """u buys 0 and 1, comes back for 0, and once more for 2; a stranger looks at 3."""
    rows = [("a", "u", 0), ("a", "u", 1), ("b", "u", 0), ("x", None, 3), ("c", "u", 2)]
    frame = pd.DataFrame(rows, columns=["session_id", "profile_id", "product_id"])
    frame["occurred_at"] = pd.to_datetime(np.array([0, 0, 1, 2, 3]) * HOUR, unit="s", utc=True)
    return frame


def test_visits_are_counted_and_told_from_those_that_touched_the_product():
    log = build_log(visits())
    queries = Queries.of([[], []], None, [0, -1], [5 * HOUR, 5 * HOUR])
    numbers = log.products.numbers([0, 1, 2, 3])
    found = profile_block(Touches.of(log), queries, np.zeros(4, dtype=int), numbers, len(log.products))
    columns = dict(zip(PROFILE, found.T.tolist(), strict=True))
    assert columns["sessions_with_product"] == [2, 1, 1, 0]
    assert columns["visit_share"] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0])
    assert columns["visits_since"] == pytest.approx([1, 2, 0, np.nan], nan_ok=True)
    assert columns["visits"] == [3, 3, 3, 3]
    assert columns["hours_since_touched"] == pytest.approx(np.log1p([4, 5, 2, np.nan]), nan_ok=True)
    assert columns["hours_since_visit"] == pytest.approx(np.log1p([2] * 4))
    stranger = profile_block(Touches.of(log), queries, np.ones(4, dtype=int), numbers, len(log.products))
    np.testing.assert_array_equal(stranger, profile_block(None, queries, np.ones(4, dtype=int), numbers, 4))
