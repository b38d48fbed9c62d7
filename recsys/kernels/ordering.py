"""The scores of candidates, a few queries at a time: what is known of their pairs never leaves the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.kernels.compilation import compiled
from recsys.kernels.opinions import count_votes, judge_columns, put_facts, ranks_within
from recsys.kernels.trees import grow_scores
from recsys.kernels.union import fill_sources

ROWS = 480  # of the table at a time, unless one query has more


@compiled
def chunks_of(starts: Ints) -> tuple[Ints, int]:
    """Return the first query of each chunk, the number of queries behind them, and how many rows the largest takes."""
    firsts, most = [np.int64(0)], 0
    for query in range(1, len(starts)):
        if starts[query] - starts[firsts[-1]] > ROWS and query - 1 > firsts[-1]:
            firsts.append(np.int64(query - 1))
        most = max(most, starts[query] - starts[firsts[-1]])
    firsts.append(np.int64(len(starts) - 1))
    return np.array(firsts), most


@compiled
def order_scores(
    answers: tuple[Ints, Ints, Floats],
    pairs: tuple[Ints, Ints, Floats],
    judged: Floats,
    deep: float,
    votes: tuple[int, float],
    of_pairs: tuple[Ints, Floats, Ints, Floats],
    of_queries: tuple[Ints, Floats, Ints],
    of_products: tuple[int, Floats, Ints],
    trees: Any,
    width: int,
) -> Floats:
    """Return one score per pair, as if the whole table were made and the trees asked about it.

    `pairs`: where the pairs of each query start, product, fusion; `judged`: judges x pairs; `votes`: their place and
    the rank that is near. The rest is what `fill_sources`, `put_facts` and `grow_scores` ask for."""
    starts, product, fusion = pairs
    place, near = votes
    scores, slot = np.empty(len(product)), np.zeros(len(of_products[1]), np.int32)
    sources = len(answers[0]) + len(judged)
    firsts, most = chunks_of(starts)
    table = np.empty((most + 1, width), np.float32)
    for chunk in range(len(firsts) - 1):
        first, base, end = firsts[chunk], starts[firsts[chunk]], starts[firsts[chunk + 1]]
        mine, size = starts[first : firsts[chunk + 1] + 1] - base, end - base
        fill_sources(answers, first, mine, product[base:end], slot, deep, sources, table)
        for judge in range(len(judged)):
            judge_columns(judged[judge, base:end], mine, deep, table, len(answers[0]) + judge, sources)
        put_facts(table, base, size, of_pairs, of_queries, of_products)
        count_votes(table, size, sources, near, table, place)
        table[:size, place + 4] = ranks_within(fusion[base:end], mine)
        scores[base:end] = grow_scores(table, size, *trees)
    return scores
