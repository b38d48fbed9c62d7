"""How a candidate stands to single products of the session, and to the sources together: known answers."""

from __future__ import annotations

import numpy as np
import pytest

from recsys.arrays import csr
from recsys.blend.candidates import Pairs
from recsys.blend.relations import links_block, return_block, votes_block
from recsys.queries import Queries

PRODUCTS = 5
LINKS = csr([[0, 0.5, 0, 0.2, 0], [0.5, 0, 0.9, 0, 0], [0, 0.9, 0, 0, 0], [0.2, 0, 0, 0, 0], [0, 0, 0, 0, 0]])


def key(*cells: tuple[int, int]) -> np.ndarray:
    return np.array([query * PRODUCTS + product for query, product in cells])


def test_links_lead_from_the_last_products_of_the_session():
    queries = Queries.of([[1, 0], [], [4]])
    found = links_block([LINKS, LINKS * 2], queries, key((0, 1), (0, 2), (0, 3), (1, 1), (2, 0)))
    last, strongest, many = found[0].T
    assert last.tolist() == pytest.approx([0.5, 0.0, 0.2, 0.0, 0.0])  # from product 0
    assert strongest.tolist() == pytest.approx([0.5, 0.9, 0.2, 0.0, 0.0])  # product 2 through product 1
    assert many.tolist() == [1, 1, 1, 0, 0]
    np.testing.assert_allclose(found[1, :, 0], last * 2)


def test_returning_products_are_told_by_their_places():
    queries = Queries.of([[0, 1, 2, 0], [3], []])
    found = return_block(queries, key((0, 0), (0, 1), (0, 2), (0, 4), (1, 3), (2, 0)), PRODUCTS)
    came_after_last, first, since = found.T
    assert came_after_last.tolist() == [0, 1, 0, 0, 0, 0]  # 1 followed the earlier 0
    assert first.tolist() == [0, 1, 2, -1, 0, -1]
    assert since.tolist() == [0, 2, 1, -1, 0, -1]


def test_what_the_sources_say_together():
    ranks = np.array([[0.0, 30.0], [240.0, 5.0], [2.0, 1.0]], np.float32)
    shares = np.array([[1.0, 0.2], [0.0, 0.5], [0.7, 0.9]], np.float32)
    pairs = Pairs.of(np.array([0, 0, 1]), np.array([1, 2, 0]), np.array([0.1, 0.3, 0.2]), (shares, ranks, shares))
    assert votes_block(pairs, 2).tolist() == [[2, 1, 0, 30, 1], [1, 1, 5, 240, 0], [2, 2, 1, 2, 0]]
    one = Pairs.of(pairs.query, pairs.product, pairs.fusion, (shares[:, :1], ranks[:, :1], shares[:, :1]))
    assert votes_block(one, 2)[0].tolist() == [1, 1, 0, 0, 1]
