"""Features of how a candidate stands to single products of the session, and to what the sources say of it together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, positions, row_numbers
from recsys.blend.candidates import Pairs
from recsys.compiled import kernels
from recsys.queries import Queries
from recsys.sources.attributes import Attributes
from recsys.sources.base import Source
from recsys.sources.ease import Ease
from recsys.sources.ease_returning import EaseReturning
from recsys.sources.item_knn import ItemKnn
from recsys.sources.sequence import Sequence as Rules

LINKED = 6  # last products of a session whose links to the candidate are looked up
LINK_KINDS = ("last", "strongest", "links")
VOTES = ("votes", "near_votes", "best_rank", "second_rank", "fusion_place")
NEAR = 20  # ranks before this one are a near vote


def links_of(sources: Sequence[Source]) -> dict[str, Matrix]:
    """Return what each source with a product-to-product matrix learned, by the source's name."""
    found: dict[str, Matrix] = {}
    for source in sources:
        if isinstance(source, ItemKnn | Attributes):
            found[source.name] = source.similarity
        elif isinstance(source, Rules):
            found[source.name] = source.rules
        elif isinstance(source, Ease | EaseReturning):
            found[source.name] = source.weights
    return found


def last_products(queries: Queries, back: int = 0) -> Ints:
    """Return the product `back` steps before the end of each session, -1 where it is shorter."""
    place = queries.prefix_start[1:] - 1 - back
    found = np.full(len(queries), -1)
    there = place >= queries.prefix_start[:-1]
    found[there] = queries.prefix[place[there]]
    return found


def links_block(links: Sequence[Matrix], queries: Queries, key: Ints) -> Floats:
    """Return, for each matrix (matrices x pairs x 3), the link from the last product of the session, the strongest of
    the last few, and how many of those link at all. `key` is the sorted query * products + product of each pair.
    """
    result = np.zeros((len(links), len(key), len(LINK_KINDS)), np.float32)
    items = np.stack([last_products(queries, back) for back in range(LINKED)], axis=1)
    loops = kernels()
    if loops is not None and links:
        width = links[0].shape[1]
        pairs = np.searchsorted(key, np.arange(len(items) + 1) * width), key % max(width, 1)
    for mine, matrix in zip(result, links, strict=True):
        if loops is None:
            _fill(matrix, items, key, mine)
        else:
            loops.link_values(matrix.indptr, matrix.indices, matrix.data, items, *pairs, width, mine)
    return result


def _fill(links: Matrix, items: Ints, key: Ints, mine: Floats) -> None:
    for back in range(LINKED):
        place, value = _found(links, items[:, back], key)
        if back == 0:
            mine[place, 0] = value
        mine[place, 1] = np.maximum(mine[place, 1], value)
        mine[place, 2] += value > 0


def _found(links: Matrix, item: Ints, key: Ints) -> tuple[Ints, Floats]:
    """Return (places in `key`, values) of the links of each query's item: few links are looked up among the pairs."""
    rows = np.flatnonzero(item >= 0)
    if not len(rows) or not len(key):
        return np.zeros(0, dtype=np.int64), np.zeros(0, np.float32)
    starts = links.indptr[item[rows]].astype(np.int64)
    many = links.indptr[item[rows] + 1] - starts
    at = np.repeat(starts - (np.cumsum(many) - many), many) + np.arange(int(many.sum()))
    wanted = np.repeat(rows, many) * links.shape[1] + links.indices[at]
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    hit = key[place] == wanted
    return place[hit], links.data[at[hit]]


def votes_block(pairs: Pairs, queries: int) -> Floats:
    """Return how many sources name the product, how many as near, its two best ranks, its place in the fusion."""
    starts = np.searchsorted(pairs.query, np.arange(queries + 1))
    loops = kernels()
    if loops is not None:
        result = np.empty((len(pairs), len(VOTES)), np.float32)
        loops.count_votes(pairs.table, len(pairs), pairs.sources, NEAR, result, 0)
        result[:, -1] = loops.ranks_within(pairs.fusion, starts)
        return result
    return _votes(pairs, starts)


def _votes(pairs: Pairs, starts: Ints) -> Floats:
    """The same in numpy."""
    best = np.argmin(pairs.ranks, axis=1)[:, None]
    first, others = np.take_along_axis(pairs.ranks, best, 1)[:, 0], pairs.ranks.copy()
    if others.shape[1] > 1:
        np.put_along_axis(others, best, np.inf, 1)
    place = np.empty(len(pairs))
    place[np.lexsort((-pairs.fusion, pairs.query))] = positions(starts)
    votes = (pairs.shares > 0).sum(axis=1), (pairs.ranks < NEAR).sum(axis=1)
    return np.stack([*votes, first, others.min(axis=1), place], axis=1)


def return_block(queries: Queries, key: Ints, products: int) -> Floats:
    """Return how often the product came right after an earlier visit to the session's last one, where it first stood,
    and how many other products were touched since; -1 where the session does not hold it.
    """
    result = np.zeros((len(key), 3), np.float32)
    result[:, 1:] = -1
    if not len(queries.prefix):
        return result
    rows, place = row_numbers(queries.prefix_start), positions(queries.prefix_start)
    cell = rows * products + queries.prefix
    after = np.flatnonzero((place[1:] > 0) & (queries.prefix[:-1] == last_products(queries)[rows[:-1]])) + 1
    held, first, inverse = np.unique(cell, return_index=True, return_inverse=True)
    came = np.bincount(inverse[after], minlength=len(held))
    latest = np.zeros(len(held), dtype=np.int64)
    np.maximum.at(latest, inverse, place)
    row = held // products
    since = np.empty(len(held))
    since[np.lexsort((-latest, row))] = positions(np.searchsorted(row, np.arange(len(queries) + 1)))
    at = np.minimum(np.searchsorted(held, key), len(held) - 1)
    mine = held[at] == key
    result[mine] = np.stack([came, place[first], since], axis=1)[at[mine]]
    return result
