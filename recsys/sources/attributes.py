"""Attribute similarity: products alike by title, category, brand and price band; the way in for new products."""

from __future__ import annotations

import re
from typing import Self
from zlib import crc32

import numpy as np
from implicit.nearest_neighbours import ItemItemRecommender

from recsys.arrays import Floats, Ints, Matrix, best_of_product, csr, empty, matrix, row_numbers
from recsys.catalog import Catalog
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.base import Abilities, Needs, StoredArrays

WORD = re.compile(r"[^\W_]{2,}")
BUCKETS = 1 << 18
WEIGHTS = {"word": 1.0, "category": 1.0, "brand": 0.7, "price": 0.3}


def attribute_matrix(catalog: Catalog, *, words_only: bool = False) -> Matrix:
    """Return products x hashed attribute values, weighted by rarity, rows of length 1."""
    rows, columns, weights = _words(catalog.titles)
    if not words_only:
        for name, codes in (("category", catalog.category), ("brand", catalog.brand), ("price", catalog.price_band)):
            known = np.flatnonzero(codes >= 0)
            rows = np.concatenate([rows, known])
            columns = np.concatenate([columns, (codes[known] * 2_654_435_761 + crc32(name.encode())) % BUCKETS])
            weights = np.concatenate([weights, np.full(len(known), WEIGHTS[name])])
    values = matrix(weights, rows, columns, (max(len(catalog), 1), BUCKETS))
    frequency = np.bincount(values.indices, minlength=BUCKETS)
    values.data = (values.data * np.log1p(len(catalog) / np.maximum(frequency[values.indices], 1))).astype(np.float32)
    lengths = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
    values.data = (values.data / np.maximum(lengths[row_numbers(values.indptr)], 1e-9)).astype(np.float32)
    return values


def _words(titles: list[str]) -> tuple[Ints, Ints, Floats]:
    rows, columns = [], []
    for row, title in enumerate(titles):
        for word in set(WORD.findall(title.lower())) if title else ():
            rows.append(row)
            columns.append(crc32(word.encode()) % BUCKETS)
    return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64), np.full(len(rows), WEIGHTS["word"])


class Attributes(StoredArrays):
    """Products alike to those of the session. Knows products that nobody has touched yet."""

    needs = Needs(attributes=True)
    abilities = Abilities(new_products=True)
    _stored = ("similarity",)

    def __init__(self, catalog: Catalog, *, neighbours: int = 50, decay: float = 0.8, name: str = "attributes") -> None:
        self.catalog, self.neighbours, self.decay, self.name = catalog, neighbours, decay, name
        self.similarity: Matrix = empty(0, 0)

    def fit(self, log: InteractionLog) -> Self:
        """Compute the most alike products; the log only tells how many products there are."""
        values = attribute_matrix(self.catalog)
        model = ItemItemRecommender(K=self.neighbours + 1, num_threads=0)
        model.fit(csr(values.T).astype(np.float64), show_progress=False)
        similarity = csr(model.similarity)
        similarity.setdiag(0)
        similarity.eliminate_zeros()
        self.similarity = similarity
        return self

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the products most alike to what was touched in the session."""
        return best_of_product(queries.prefix_matrix(self.similarity.shape[0], self.decay, 10), self.similarity, depth)
