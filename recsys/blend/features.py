"""Features of (query, product) pairs, defined once for training and serving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, csr, group_sums, positions, row_numbers
from recsys.blend.candidates import Answers, Pairs
from recsys.blend.regulars import HISTORY, OWN, PROFILE, Touches, history_block, own_block, profile_block
from recsys.blend.relations import (
    LINK_KINDS,
    NEAR,
    VOTES,
    last_products,
    links_block,
    links_of,
    return_block,
    votes_block,
)
from recsys.blend.trees import Trees
from recsys.catalog import Catalog
from recsys.compiled import kernels
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.attributes import attribute_matrix
from recsys.sources.base import Source
from recsys.sources.popularity import decayed_counts

HALF_LIVES = (2.0, 10.0, 60.0)
CHUNK = 200_000

# places in the table, and what is written there: see `kernels.opinions.put_facts`
_OfPairs = tuple[Ints, Floats, Ints, Floats]
_OfQueries = tuple[Ints, Floats, Ints]
_OfProducts = tuple[int, Floats, Ints]
_Parts = tuple[_OfPairs, _OfQueries, _OfProducts]


class Features:
    """Computes the feature matrix. Built from the log the sources were fitted on, so that nothing later leaks in."""

    def __init__(self, log: InteractionLog, catalog: Catalog, sources: Sequence[Source]) -> None:
        self.catalog, self.source_names = catalog, [s.name for s in sources]
        self.links = links_of(sources)
        self.products = len(catalog)
        self.popularity = np.stack([np.log1p(decayed_counts(log, days)) for days in HALF_LIVES], axis=1)
        self.rebuy = _rebuy_rate(log)
        self.age, self.quiet = _seen_shares(log)
        self.count = np.log1p(np.bincount(log.product, minlength=self.products))
        self.touches = Touches.of(log) if log.has_profiles else None
        self.attributes: Matrix | None = attribute_matrix(catalog) if _has_attributes(catalog) else None
        if self.attributes is not None:
            self.attributes.sort_indices()

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        per_source = [f"{kind}_{name}" for kind in ("share", "rank", "score") for name in self.source_names]
        links = [f"{kind}_{name}" for name in self.links for kind in LINK_KINDS]
        return [*per_source, *links, *_OWN]

    def compute(self, queries: Queries, pairs: Pairs) -> Floats:
        """Return pairs x features, float32; NaN where something is unknown."""
        facts = np.empty((len(pairs), len(self.names)), np.float32)
        of_sources, votes = pairs.table.shape[1], self._votes_place
        facts[:, :of_sources] = pairs.table
        facts[:, votes : votes + len(VOTES)] = votes_block(pairs, len(queries))
        parts, loops = self._parts(queries, pairs), kernels()
        if loops is not None:
            loops.put_facts(facts, 0, len(facts), *parts)
        else:
            _put_facts(facts, *parts)
        return facts

    def score(
        self, queries: Queries, pairs: Pairs, answers: Answers, judged: Sequence[Floats], deep: int, trees: Trees
    ) -> Floats:
        """Return what `trees` say of what `compute` would return, a few queries at a time; needs numba. `judged` is
        what each judge says of the pairs, which need no table."""
        loops = kernels()
        assert loops is not None
        told = np.array(judged, np.float32).reshape(len(judged), len(pairs))
        of = (np.searchsorted(pairs.query, np.arange(len(queries) + 1)), pairs.product, pairs.fusion)
        parts, votes = self._parts(queries, pairs), (self._votes_place, float(NEAR))
        found = loops.order_scores(answers.parts, of, told, float(deep), votes, *parts, trees.parts, len(self.names))
        return np.asarray(found)

    def _parts(self, queries: Queries, pairs: Pairs) -> _Parts:
        """Return the features that are no source's and no votes: of pairs, of queries, of products."""
        key = pairs.query * self.products + pairs.product
        first = self._own_place
        columns = np.empty((len(_PAIR_PLACES), len(pairs)), np.float32)
        at = 0
        for block in self._pair_blocks(queries, pairs, key):
            width = block.shape[1] if block.ndim > 1 else 1
            columns[at : at + width] = block.reshape(len(pairs), width).T
            at += width
        link_places = 3 * len(self.source_names) + len(LINK_KINDS) * np.arange(len(self.links))
        links = links_block(list(self.links.values()), queries, key)
        by_query = np.concatenate([self._query_block(queries), history_block(queries, self.products)], axis=1)
        return (
            (link_places, links, first + _PAIR_PLACES, columns),
            (first + _QUERY_PLACES, by_query.astype(np.float32), pairs.query),
            (first + _PRODUCT_PLACE, self.by_product, pairs.product),
        )

    @property
    def _own_place(self) -> int:
        """Where the features that are no source's and no links begin."""
        return 3 * len(self.source_names) + len(LINK_KINDS) * len(self.links)

    @property
    def _votes_place(self) -> int:
        return self._own_place + _VOTES_PLACE

    @cached_property
    def by_product(self) -> Floats:
        """What is known of each product whoever asks: products x features, in the order of `names`."""
        trend = self.popularity[:, :1] - self.popularity[:, 2:]
        rest = np.stack([self.rebuy, self.age, self.quiet, self.count], axis=1)
        return np.concatenate([self.popularity, trend, rest], axis=1).astype(np.float32)

    def _pair_blocks(self, queries: Queries, pairs: Pairs, key: Ints) -> Iterator[Floats]:
        """The features of pairs alone, in the order of `names`."""
        yield pairs.fusion
        yield _own(queries.prefix_start, queries.prefix, key, self.products)
        yield _own(queries.history_start, queries.history, key, self.products)
        yield profile_block(self.touches, queries, pairs.query, pairs.product, self.products)
        yield self._context_block(queries, pairs)
        yield return_block(queries, key, self.products)
        yield own_block(queries, key, self.products)

    def _context_block(self, queries: Queries, pairs: Pairs) -> Floats:
        catalog = self.catalog
        last = last_products(queries)[pairs.query]
        known = last >= 0
        price = np.log(np.where(catalog.price > 0, catalog.price, np.nan))
        same_category = _same(catalog.category, last, pairs.product, known)
        return np.stack(
            [
                same_category,
                _same(catalog.brand, last, pairs.product, known),
                self._code_share(catalog.category, queries.prefix_start, queries.prefix, pairs),
                self._code_share(catalog.category, queries.history_start, queries.history, pairs),
                price[pairs.product],
                price[pairs.product] - _mean_by_query(price, queries)[pairs.query],
                self._likeness(queries, pairs),
            ],
            axis=1,
        )

    def _code_share(self, codes: Ints, starts: Ints, items: Ints, pairs: Pairs) -> Floats:
        if codes.max(initial=-1) < 0:
            return np.full(len(pairs), np.nan)
        if not len(items):  # the same answer that a query without history gets in a batch where others have one
            return np.where(codes[pairs.product] >= 0, 0.0, np.nan)
        size = int(codes.max()) + 2
        rows = row_numbers(starts)
        held, counts = np.unique(rows * size + codes[items] + 1, return_counts=True)
        key = pairs.query * size + codes[pairs.product] + 1
        place = np.minimum(np.searchsorted(held, key), len(held) - 1)
        share = np.where(held[place] == key, counts[place], 0) / np.maximum(np.diff(starts)[pairs.query], 1)
        return np.where(codes[pairs.product] >= 0, share, np.nan)

    def _query_block(self, queries: Queries) -> Floats:
        rows, lengths = row_numbers(queries.prefix_start), np.diff(queries.prefix_start)
        distinct = np.unique(rows * self.products + queries.prefix) // max(self.products, 1)
        last = last_products(queries)
        known = last >= 0
        total = group_sums(self.count[queries.prefix], rows, len(queries))
        return np.stack(
            [
                lengths,
                np.bincount(distinct, minlength=len(queries)),
                np.diff(queries.history_start),
                queries.profile >= 0,
                np.where(known, self.count[last], np.nan),
                np.where(known, self.quiet[last], np.nan),
                np.where(known, total / np.maximum(lengths, 1), np.nan),
                np.bincount(rows[queries.prefix == last[rows]], minlength=len(queries)),
            ],
            axis=1,
        )

    def _likeness(self, queries: Queries, pairs: Pairs) -> Floats:
        """Cosine of attributes between the product and the end of the session."""
        result = np.full(len(pairs), np.nan, np.float32)
        if self.attributes is None:
            return result
        taste, loops = csr(queries.prefix_matrix(self.products, 0.7, 10) @ self.attributes), kernels()
        if loops is not None:
            both = ((one.indptr, one.indices, one.data) for one in (taste, self.attributes))
            starts = np.searchsorted(pairs.query, np.arange(len(queries) + 1))
            return np.asarray(loops.likeness_to_tastes(*both, taste.shape[1], starts, pairs.product))
        taste.sort_indices()  # so that both ways add up in the same order
        for start in range(0, len(pairs), CHUNK):
            part = slice(start, start + CHUNK)
            product = self.attributes[pairs.product[part]].multiply(taste[pairs.query[part]])
            result[part] = np.asarray(product.sum(axis=1)).ravel()
        return result


_OF_PRODUCT = (
    *(f"popularity_{days:g}d" for days in HALF_LIVES),
    *("trend", "rebuy_rate", "product_age", "quiet_for", "touched"),
)
_OF_QUERY = (
    *("prefix_length", "prefix_products", "history_length", "known_profile", "touched_last", "quiet_for_last"),
    *("touched_session", "last_again"),
)
_OWN = (
    "fusion",
    *_OF_PRODUCT,
    "prefix_count",
    "prefix_place",
    "history_count",
    "history_place",
    *PROFILE,
    "same_category_as_last",
    "same_brand_as_last",
    "category_share_of_session",
    "category_share_of_history",
    "price",
    "price_ratio",
    "likeness",
    "came_after_last",
    "first_place",
    "distinct_place",
    *_OF_QUERY,
    *VOTES,
    *HISTORY,
    *OWN,
)
_PRODUCT_PLACE = _OWN.index(_OF_PRODUCT[0])
_QUERY_PLACES = np.array([_OWN.index(name) for name in (*_OF_QUERY, *HISTORY)])
_VOTES_PLACE = _OWN.index(VOTES[0])
_ELSEWHERE = (*_OF_PRODUCT, *_OF_QUERY, *HISTORY, *VOTES)
_PAIR_PLACES = np.array([n for n, name in enumerate(_OWN) if name not in _ELSEWHERE])


def _put_facts(facts: Floats, of_pairs: _OfPairs, of_queries: _OfQueries, of_products: _OfProducts) -> None:
    link_places, links, places, columns = of_pairs
    for place, link in zip(link_places.tolist(), links, strict=True):
        facts[:, place : place + link.shape[1]] = link
    facts[:, places] = columns.T
    query_places, by_query, query = of_queries
    facts[:, query_places] = by_query[query]
    place, by_product, product = of_products
    facts[:, place : place + by_product.shape[1]] = by_product[product]


def _has_attributes(catalog: Catalog) -> bool:
    return bool(catalog.categories or catalog.brands or any(catalog.titles))


def _rebuy_rate(log: InteractionLog) -> Floats:
    """Return the share of a product's sessions that are not its shopper's first, per product."""
    size = max(len(log.products), 1)
    actor = np.zeros(max(log.sessions, 1), dtype=np.int64)
    actor[log.session] = log.actor
    session, product = np.divmod(np.unique(log.session.astype(np.int64) * size + log.product), size)
    first = np.unique(actor[session] * size + product) % size
    total = np.bincount(product, minlength=size)
    return np.asarray(1.0 - np.bincount(first, minlength=size) / np.maximum(total, 1.0))


def _seen_shares(log: InteractionLog) -> tuple[Floats, Floats]:
    """Return how long ago each product was first and last touched, as shares of the log's span; -1 for never."""
    age, quiet = np.full(len(log.products), -1.0), np.full(len(log.products), -1.0)
    if len(log):
        stamp = log.at if log.has_times else log.session.astype(float)
        first, last = np.full(len(log.products), np.inf), np.full(len(log.products), -np.inf)
        np.minimum.at(first, log.product, stamp)
        np.maximum.at(last, log.product, stamp)
        seen, span = np.isfinite(first), max(stamp.max() - stamp.min(), 1e-9)
        age[seen], quiet[seen] = (stamp.max() - first[seen]) / span, (stamp.max() - last[seen]) / span
    return age, quiet


def _own(starts: Ints, items: Ints, key: Ints, products: int) -> Floats:
    """Return (count, steps from the end of the latest, -1 for never) of each pair's product in a ragged array."""
    result = np.zeros((len(key), 2), np.float32)
    result[:, 1] = -1
    if not len(items):
        return result
    rows = row_numbers(starts)
    from_end = np.diff(starts)[rows] - 1 - positions(starts)
    held, inverse, counts = np.unique(rows * products + items, return_inverse=True, return_counts=True)
    latest = np.full(len(held), np.iinfo(np.int64).max)
    np.minimum.at(latest, inverse, from_end)
    place = np.minimum(np.searchsorted(held, key), len(held) - 1)
    found = held[place] == key
    result[found, 0], result[found, 1] = counts[place[found]], latest[place[found]]
    return result


def _same(codes: Ints, last: Ints, product: Ints, known: Floats) -> Floats:
    usable = known & (codes[product] >= 0) & (codes[last] >= 0)
    return np.where(usable, codes[last] == codes[product], np.nan)


def _mean_by_query(price: Floats, queries: Queries) -> Floats:
    rows, values = row_numbers(queries.prefix_start), price[queries.prefix]
    known = np.isfinite(values)
    total = group_sums(values[known], rows[known], len(queries))
    count = group_sums(np.ones(int(known.sum())), rows[known], len(queries))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
