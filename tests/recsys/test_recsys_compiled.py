"""Compiled loops give what numpy and LightGBM give: the same products, the same numbers, the same order."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
import scipy.sparse as sp

from recsys.arrays import Matrix, best_of_product, best_of_rows, csr, from_rows, heads, top
from recsys.blend.candidates import Answers, Pairs, Width, _united, united
from recsys.blend.ranker import Ranker, RankerSettings, learn
from recsys.blend.relations import LINKED, _fill, _votes, last_products, links_block, votes_block
from recsys.blend.trees import Trees
from recsys.blend.variety import Traits, _shared
from recsys.queries import Queries

pytestmark = pytest.mark.slow

pytest.importorskip("numba", reason="the extra `fast` is not installed")
FIELDS = ("query", "product", "scores", "shares", "ranks", "fusion")


def some(seed: int, rows: int, columns: int, share: float = 0.1, negative: bool = False) -> Matrix:
    chance = np.random.default_rng(seed)
    found = csr(sp.random(rows, columns, share, random_state=chance, data_rvs=chance.random))
    found.data -= np.float32(0.3 if negative else 0.0)
    return found


@pytest.mark.parametrize("depth", [1, 7, 1000])
@pytest.mark.parametrize("negative", [False, True])
def test_the_best_of_a_product_are_those_of_numpy(depth: int, negative: bool) -> None:
    left, right = some(1, 60, 40), some(2, 40, 300, 0.4, negative)
    scale = np.random.default_rng(3).random(300).astype(np.float32)
    product = csr(left @ right)
    product.data = product.data * scale[product.indices]
    expected, found = top(product, depth), best_of_product(left, right, depth, scale)
    assert found.indptr.tolist() == expected.indptr.tolist()
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.data.tolist() == expected.data.tolist()


def test_of_equal_values_the_lower_numbers_are_kept() -> None:
    ones = csr(np.ones((1, 9)))
    assert best_of_product(csr(np.ones((1, 1))), ones, 4).indices.tolist() == [0, 1, 2, 3]


def test_the_best_of_rows_are_those_of_numpy_and_of_equal_ones_the_first() -> None:
    values = some(5, 40, 200, 0.3, negative=True)
    for depth in (1, 9, 500):
        found, expected = best_of_rows(values, depth), top(values, depth)
        assert found.indptr.tolist() == expected.indptr.tolist()
        assert found.indices.tolist() == expected.indices.tolist() and found.data.tolist() == expected.data.tolist()
    alike = from_rows(np.ones(5), np.array([7, 2, 9, 4, 1]), np.array([0, 5]), (1, 10))
    assert best_of_rows(alike, 3).indices.tolist() == [7, 2, 9]


def test_heads_are_the_first_of_each_row() -> None:
    ranked = from_rows(np.array([3, 2, 1, 9.0, 8.0]), np.array([4, 0, 2, 1, 3]), np.array([0, 3, 3, 5]), (3, 5))
    assert heads(ranked, 2).toarray().tolist() == [[2, 0, 0, 0, 3], [0] * 5, [0, 9, 0, 8, 0]]
    assert heads(ranked, 2).indices.tolist() == [4, 0, 1, 3]


def test_products_are_as_alike_as_numpy_finds() -> None:
    chance, attributes = np.random.default_rng(7), some(8, 30, 50, 0.2)
    products, inside = chance.integers(0, 30, (6, 9)), chance.random((6, 9)) < 0.8
    found = Traits(attributes).likeness(products, inside)
    assert np.allclose(found, _shared(attributes, products[inside], inside), atol=1e-6)
    assert found[inside].any() and not found[~inside].any()


def answers_of(queries: int, products: int) -> list[Matrix]:
    chance = np.random.default_rng(4)
    rows = []
    for _ in range(5):
        lengths = chance.integers(0, 40, queries)
        columns = np.concatenate([chance.choice(products, n, replace=False) for n in lengths])
        values = np.concatenate([np.sort(chance.random(n))[::-1] for n in lengths])
        rows.append(from_rows(values, columns, np.concatenate([[0], np.cumsum(lengths)]), (queries, products)))
    return rows


def test_the_best_may_be_asked_for_in_any_order() -> None:
    left, right = some(1, 60, 40), some(2, 40, 300, 0.4)
    sorted_, any_order = (best_of_product(left, right, 9, in_order=wanted) for wanted in (True, False))
    assert any_order.indices.tolist() != sorted_.indices.tolist()
    assert np.array_equal(any_order.toarray(), sorted_.toarray())


@pytest.mark.parametrize("judges", [0, 2])
@pytest.mark.parametrize("most", [5, 20, 500])
def test_the_union_of_all_sources_is_that_of_numpy(most: int, judges: int) -> None:
    answers, weights = Answers.of(answers_of(50, 120)), np.array([1.0, 0.5, 0.3, 0.2, 0.1])
    allowed = np.random.default_rng(5).random(120) < 0.8
    for mask in (None, allowed):
        width = Width(15, 40, most)
        found = united(answers, weights, width, mask, judges=judges)
        expected = _united(answers, weights, width, mask, judges)
        assert len(found) and found.ranks.shape[1] == len(weights) + judges
        for name in FIELDS:
            assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert allowed[found.product].all()


def test_no_answers_make_no_pairs() -> None:
    empty = from_rows(np.zeros(0), np.zeros(0), np.zeros(4), (3, 5))
    assert len(united(Answers.of([empty, empty]), np.ones(2), Width(2, 4, 3))) == 0
    assert isinstance(united(Answers.of([empty]), np.ones(1), Width(2, 4, 3)), Pairs)


@pytest.mark.parametrize("sources", [1, 5])
def test_votes_are_those_of_numpy(sources: int) -> None:
    width = Width(15, 40, 30)
    pairs = united(Answers.of(answers_of(50, 120)[:sources]), np.ones(sources), width)
    assert len(np.unique(pairs.fusion)) < len(pairs)  # some are told alike
    starts = np.searchsorted(pairs.query, np.arange(51))
    assert np.array_equal(votes_block(pairs, 50), _votes(pairs, starts))


def test_links_to_candidates_are_those_of_numpy() -> None:
    links, chance = some(8, 40, 40, 0.3, negative=True), np.random.default_rng(9)
    queries = Queries.of([chance.integers(0, 40, n).tolist() for n in (0, 1, 3, 9, 20)])
    key = np.flatnonzero(chance.random(5 * 40) < 0.4)
    found, expected = links_block([links, links * 2], queries, key), np.zeros((len(key), 3), np.float32)
    _fill(links, np.stack([last_products(queries, back) for back in range(LINKED)], axis=1), key, expected)
    assert expected.any(axis=0).all() and np.array_equal(found[0], expected)
    assert np.allclose(found[1, :, 0], 2 * expected[:, 0])


def ranker_of(settings: RankerSettings) -> tuple[Ranker, np.ndarray]:
    """A ranker of facts with unknown values, zeros and whole numbers."""
    chance = np.random.default_rng(6)
    facts = chance.normal(size=(4000, 6)).astype(np.float32)
    facts[:, 1] = np.round(facts[:, 1] * 2)
    facts[chance.random(facts.shape) < 0.2] = np.nan
    wanted = (np.nan_to_num(facts[:, 0]) + np.nan_to_num(facts[:, 1], nan=0.7) > 1.0).astype(np.int64)
    query, held = np.arange(4000) // 20, np.arange(4000) // 20 % 5 == 0
    return learn(facts, wanted, query, [f"fact{n}" for n in range(6)], settings, held), facts


def test_trees_score_to_the_last_digits_as_lightgbm_does() -> None:
    ranker, facts = ranker_of(RankerSettings(rounds=40, threads=1))
    expected = np.mean([booster.predict(facts) for booster in ranker.boosters], axis=0)
    assert ranker.trees is not None and np.ptp(expected) > 0
    assert np.abs(ranker.score(facts) - expected).max() < 1e-12
    edges = np.repeat(ranker.trees.threshold, 6).reshape(-1, 6) if ranker.trees else facts
    on_the_edge = np.mean([booster.predict(edges) for booster in ranker.boosters], axis=0)
    assert np.abs(ranker.score(edges) - on_the_edge).max() < 1e-12


def test_trees_of_another_kind_are_left_to_lightgbm() -> None:
    facts, wanted = np.arange(400.0)[:, None] % 10, (np.arange(400) % 10 > 4).astype(int)
    kinds = lightgbm.Dataset(facts, wanted, categorical_feature=[0], params={"verbosity": -1})
    many = lightgbm.Dataset(np.arange(4000.0)[:, None], np.arange(4000.0) ** 1.5, params={"verbosity": -1})
    quiet = {"verbosity": -1, "min_data_in_leaf": 1}
    assert Trees.of([lightgbm.train({**quiet, "objective": "binary"}, kinds, 3)]) is None
    assert Trees.of([lightgbm.train({**quiet, "num_leaves": 60}, many, 3)]) is None
