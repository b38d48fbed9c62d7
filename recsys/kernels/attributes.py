"""How much alike products are by their attributes: rows of a sparse matrix, one of them spread out at a time."""

from __future__ import annotations

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.kernels.compilation import compiled


@compiled
def spread(starts: Ints, columns: Ints, values: Floats, row: int, dense: Floats, is_back: bool) -> None:
    """Write one row of a sparse matrix into `dense`; zeros where `is_back`."""
    for at in range(starts[row], starts[row + 1]):
        dense[columns[at]] = np.float32(0.0) if is_back else values[at]


@compiled
def inner(starts: Ints, columns: Ints, values: Floats, row: int, dense: Floats) -> float:
    """Return the inner product of one row of a sparse matrix and `dense`."""
    total = np.float32(0.0)
    for at in range(np.uint64(starts[row]), np.uint64(starts[row + 1])):
        total += values[at] * dense[np.uint64(columns[at])]
    return float(total)


@compiled
def likeness_to_tastes(
    tastes: tuple[Ints, Ints, Floats],
    attributes: tuple[Ints, Ints, Floats],
    width: int,
    pair_starts: Ints,
    product: Ints,
) -> Floats:
    """Return the inner product of each pair's row of `tastes` (queries x attributes) and of `attributes` (products x
    attributes, `width` of them)."""
    dense, found = np.zeros(width, np.float32), np.empty(len(product), np.float32)
    for query in range(len(pair_starts) - 1):
        spread(*tastes, query, dense, False)
        for pair in range(pair_starts[query], pair_starts[query + 1]):
            found[pair] = inner(*attributes, product[pair], dense)
        spread(*tastes, query, dense, True)
    return found


@compiled
def likeness_within(attributes: tuple[Ints, Ints, Floats], width: int, products: Ints, inside: Bools) -> Floats:
    """Return rows x window x window: the inner products of the attributes of `products`, rows x window, those that are
    `inside`; 0 for others."""
    dense = np.zeros(width, np.float32)
    found = np.zeros((*products.shape, products.shape[1]), np.float32)
    for row in range(len(products)):
        for one in range(products.shape[1]):
            if not inside[row, one]:
                continue
            spread(*attributes, products[row, one], dense, False)
            for other in range(one, products.shape[1]):
                if inside[row, other]:
                    value = inner(*attributes, products[row, other], dense)
                    found[row, one, other], found[row, other, one] = value, value
            spread(*attributes, products[row, one], dense, True)
    return found
