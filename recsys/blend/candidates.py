"""Candidates: the union of what the sources propose for each query, with every source's opinion of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from recsys.arrays import Bools, Floats, Ints, Matrix, from_rows, positions, row_numbers, row_peaks, top
from recsys.compiled import kernels

CONSTANT = 60.0  # of reciprocal-rank fusion
PENALTY = 5.0  # of the squared weights of sources, in wrong answers
LEAST_WEIGHT = 0.02  # of a source in the fusion


@dataclass(frozen=True, slots=True)
class Width:
    """How many candidates: of each source, scores looked up of each source, and kept per query."""

    near: int
    deep: int
    most: int


@dataclass(frozen=True)
class Pairs:
    """(query, product) pairs sorted by query then product; shares, ranks and scores have one column per source.

    A score of 0 and a rank of `Width.deep` mean that the source did not propose the product. `fusion` is the weighted
    reciprocal-rank fusion of the sources. The `table` holds all shares, then all ranks, then all scores.
    """

    query: Ints
    product: Ints
    fusion: Floats
    table: Floats
    sources: int

    @classmethod
    def of(cls, query: Ints, product: Ints, fusion: Floats, blocks: Sequence[Floats]) -> Pairs:
        """Return the pairs of these shares, ranks and scores."""
        return cls(query, product, fusion, np.concatenate(blocks, axis=1, dtype=np.float32), blocks[0].shape[1])

    @property
    def shares(self) -> Floats:
        """What a source says of the pair, divided by the best it says for this query."""
        return self.table[:, : self.sources]

    @property
    def ranks(self) -> Floats:
        """The place in the source's answer, from 0."""
        return self.table[:, self.sources : 2 * self.sources]

    @property
    def scores(self) -> Floats:
        """What a source says of the pair."""
        return self.table[:, 2 * self.sources : 3 * self.sources]

    def __len__(self) -> int:
        return len(self.query)

    def at(self, rows: Ints | Bools) -> Pairs:
        """Return the chosen pairs."""
        return Pairs(self.query[rows], self.product[rows], self.fusion[rows], self.table[rows], self.sources)


@dataclass(frozen=True)
class Answers:
    """What the sources answered to the same queries, one source's answer after the other: `starts` (sources x queries +
    1) says where rows begin in `columns` and `values`; rows are best first."""

    starts: Ints
    columns: Ints
    values: Floats
    products: int

    @classmethod
    def of(cls, answers: Sequence[Matrix]) -> Answers:
        """Return answers, queries x products each, put together."""
        offsets = np.cumsum([0, *(a.nnz for a in answers[:-1])])
        starts = np.stack([a.indptr + offset for a, offset in zip(answers, offsets, strict=True)])
        columns, values = np.concatenate([a.indices for a in answers]), np.concatenate([a.data for a in answers])
        return cls(starts, columns, values, answers[0].shape[1])

    @property
    def parts(self) -> tuple[Ints, Ints, Floats]:
        """The three arrays."""
        return self.starts, self.columns, self.values


@dataclass(frozen=True)
class _Answer:
    """One source's answer, flat: the cell (query * products + product), the place in the row, score and share."""

    key: Ints
    rank: Ints
    score: Floats
    share: Floats

    @classmethod
    def each(cls, answers: Answers) -> list[_Answer]:
        found = []
        for starts in answers.starts:
            mine = slice(int(starts[0]), int(starts[-1]))
            score, indptr = answers.values[mine], starts - starts[0]
            rows = row_numbers(indptr)
            whole = from_rows(score, answers.columns[mine], indptr, (len(starts) - 1, answers.products))
            share = score / np.maximum(row_peaks(whole)[rows], 1e-12)
            key = rows.astype(np.int64) * answers.products + answers.columns[mine]
            found.append(cls(key, positions(indptr), score, share))
        return found


def picked(answers: Answers, weights: Floats, width: Width, allowed: Floats | None = None) -> Pairs:
    """Return what `united` does without a table; needs numba."""
    loops = kernels()
    assert loops is not None
    mask = np.ones(answers.products, dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool)
    longest = np.diff(answers.starts).max(initial=1)
    worth = np.asarray(weights, dtype=float)[:, None] / (CONSTANT + np.arange(longest))
    query, product, fusion, _ = loops.pick(answers.parts, worth, mask, width.near, width.most)
    return Pairs(query, product, fusion, np.empty((len(query), 0), np.float32), 0)


def united(answers: Answers, weights: Floats, width: Width, allowed: Floats | None = None, *, judges: int = 0) -> Pairs:
    """Return the `most` pairs per query with the strongest fusion among the `near` best of any answer.

    Answers are at most `deep` long. What a source says further down its answer counts where another one proposed the
    product. `allowed` masks products; `weights` has one number per source. The last `judges` columns say that nothing
    was proposed: `judged` fills them.
    """
    loops = kernels()
    if loops is None:
        return _united(answers, weights, width, allowed, judges)
    pairs, sources = picked(answers, weights, width, allowed), len(weights) + judges
    starts = np.searchsorted(pairs.query, np.arange(answers.starts.shape[1]))
    table = loops.table_of(answers.parts, starts, pairs.product, answers.products, width.deep, sources)
    return Pairs(pairs.query, pairs.product, pairs.fusion, table, sources)


def _united(answers: Answers, weights: Floats, width: Width, allowed: Floats | None, judges: int) -> Pairs:
    """The same in numpy: a table with a cell for every query and product stands in for sorting and searching."""
    queries, products = answers.starts.shape[1] - 1, answers.products
    found = _Answer.each(answers)
    table = np.zeros(queries * products, dtype=bool)
    for one in found:
        table[one.key[one.rank < width.near]] = True
    if allowed is not None:
        table.reshape(queries, products)[:, ~np.asarray(allowed, dtype=bool)] = False
    union = np.flatnonzero(table)
    slot = np.empty(queries * products, dtype=np.int32)
    slot[union] = np.arange(len(union))
    fusion = np.zeros(len(union))
    for one, weight in zip(found, weights, strict=True):
        mine = table[one.key]
        fusion[slot[one.key[mine]]] += weight / (CONSTANT + one.rank[mine])
    kept = strongest(union // products, fusion, queries, width.most)
    if len(kept) < len(union):
        table[union] = False
        union, fusion = union[kept], fusion[kept]
        table[union] = True
        slot[union] = np.arange(len(union))
    blank = np.full((len(union), len(found) + judges), width.deep, np.float32)
    blocks = _filled(found, table, slot, blank)
    query = union // products
    return Pairs.of(query, union - query * products, fusion, blocks)


def _filled(found: list[_Answer], table: Bools, slot: Ints, ranks: Floats) -> tuple[Floats, Floats, Floats]:
    scores, shares = np.zeros_like(ranks), np.zeros_like(ranks)
    for column, one in enumerate(found):
        mine = table[one.key]
        place = slot[one.key[mine]]
        scores[place, column], shares[place, column] = one.score[mine], one.share[mine]
        ranks[place, column] = one.rank[mine]
    return shares, ranks, scores


def judged(pairs: Pairs, opinions: Sequence[Floats], deep: int) -> Pairs:
    """Fill the last column of the pairs for each judge, here and now: its score, the share of its best for the query,
    and the rank among the candidates; `deep` where it says 0."""
    starts = np.searchsorted(pairs.query, np.arange(int(pairs.query.max(initial=-1)) + 2))
    loops = kernels()
    for column, values in enumerate(opinions, start=pairs.sources - len(opinions)):
        if loops is not None:
            loops.judge_columns(np.asarray(values, np.float32), starts, deep, pairs.table, column, pairs.sources)
            continue
        opinion = _opinion(values, pairs.query, starts, deep)
        pairs.scores[:, column], pairs.shares[:, column], pairs.ranks[:, column] = opinion
    return pairs


def _opinion(values: Floats, query: Ints, starts: Ints, deep: int) -> tuple[Floats, Floats, Floats]:
    rank = np.empty(len(values), dtype=np.float32)
    rank[np.lexsort((-values, query))] = positions(starts)
    rank[values <= 0] = deep
    peaks = row_peaks(from_rows(values, np.zeros(len(values)), starts, (len(starts) - 1, 1)))
    return values, values / np.maximum(peaks[query], 1e-12), rank


def strongest(query: Ints, values: Floats, queries: int, most: int) -> Ints:
    """Return the places of the `most` largest values of each query (numbers in rising order), in their old order."""
    indptr = np.searchsorted(query, np.arange(queries + 1))
    longest = int(np.diff(indptr).max(initial=0))
    if longest <= most:
        return np.arange(len(query))
    above = values - values.min() + 1.0
    best = top(from_rows(above, positions(indptr), indptr, (queries, longest)), most)
    return np.sort(indptr[row_numbers(best.indptr)] + best.indices)


def fusion_weights(ranks: Floats, wanted: Bools, deep: int) -> Floats:
    """Return the weight of each source that tells wanted candidates from the rest, the largest at 1.

    A logistic regression on 1 / (constant + rank) of pairs x sources with weights that are never negative: what several
    sources say alike counts once, and with few wanted ones the penalty keeps all sources in. No source falls below a
    small share, for in a sparse shop it may be the only one that knows anything.
    """
    sources = ranks.shape[1]
    if not wanted.any():
        return np.ones(sources)
    facts = np.where(ranks < deep, CONSTANT / (CONSTANT + ranks), 0.0).astype(np.float64)
    label = wanted.astype(np.float64)

    def loss(weights: Floats) -> tuple[float, Floats]:
        logit = facts @ weights[:-1] + weights[-1]
        wrong = 1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))) - label
        total = float((np.logaddexp(0.0, logit) - label * logit).sum() + PENALTY / 2 * (weights[:-1] ** 2).sum())
        return total / len(label), np.append(facts.T @ wrong + PENALTY * weights[:-1], wrong.sum()) / len(label)

    start = np.append(np.full(sources, 0.3), np.log(label.mean() / max(1.0 - label.mean(), 1e-9)))
    bounds = [(0.0, None)] * sources + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}).x[:-1]
    if not np.isfinite(found).all() or found.max() <= 0:
        return np.ones(sources)
    return np.asarray(np.maximum(found / found.max(), LEAST_WEIGHT))
