"""The scores of many trees for many rows."""

from __future__ import annotations

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.kernels.compilation import compiled

BLOCK = 64  # rows of features that are looked at together: they stay in the cache
APART = BLOCK + 16  # numbers from column to column: a power of two would have them push each other out of the cache
ZERO = np.float32(1e-35)  # LightGBM takes what is nearer to zero for zero


@compiled
def grow_scores(
    facts: Floats,
    size: int,
    tree_starts: Ints,
    feature: Ints,
    threshold: Floats,
    is_left_unknown: Bools,
    removed: Ints,
    leaf_starts: Ints,
    leaves: Floats,
    first_bit: Ints,
) -> Floats:
    """Return the sum of the leaves that each of the first `size` rows of `facts` ends in.

    Each node whose answer is "right" removes the leaves to its left from a set of bits; the lowest bit left over is the
    leaf (after Lucchese et al., "QuickScorer", SIGIR 2015). So all rows of a block take the same steps.
    """
    result = np.zeros(size)
    block = np.empty((facts.shape[1], APART), np.float32)
    left = np.empty(BLOCK, np.uint32)
    for start in range(0, size, BLOCK):
        rows = min(BLOCK, size - start)
        for row in range(rows):
            for column in range(facts.shape[1]):
                value = facts[start + row, column]
                block[column, row] = np.float32(0.0) if abs(value) <= ZERO else value
        for tree in range(len(tree_starts) - 1):
            left[:] = np.uint32(0xFFFFFFFF)
            for node in range(tree_starts[tree], tree_starts[tree + 1]):
                values, border, mask = block[feature[node]], threshold[node], removed[node]
                if is_left_unknown[node]:
                    for row in range(BLOCK):
                        left[row] &= mask if values[row] > border else np.uint32(0xFFFFFFFF)
                else:
                    for row in range(BLOCK):
                        left[row] &= np.uint32(0xFFFFFFFF) if values[row] <= border else mask
            first = leaf_starts[tree]
            for row in range(rows):
                lowest = np.int64(left[row]) & -np.int64(left[row])
                result[start + row] += leaves[first + first_bit[((lowest * 0x077CB531) & 0xFFFFFFFF) >> 27]]
    return result
