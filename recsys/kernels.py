"""Loops compiled by numba, for shops that precompute slates by the million: `recsys.compiled` says where they are used.

Every kernel has a twin in numpy that gives the same answer several times slower; ties are broken by the lower number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from recsys.arrays import Bools, Floats, Ints

BLOCK = 64  # rows of features that are looked at together: they stay in the cache
ZERO = np.float32(1e-35)  # LightGBM takes what is nearer to zero for zero
BUCKETS = 4096  # of a float's exponent and first digits, to find the largest ones without sorting all


def _compiled(function: Callable[..., Any]) -> Any:
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder that could be written to: compiled anew by every process
        return numba.njit(nogil=True, error_model="numpy")(function)


@_compiled
def smallest_first(values: Ints, size: int, most: int) -> None:
    """Bring the `most` smallest of the first `size` values to the front, in any order, and the next one right behind
    them (Hoare's selection)."""
    first, last = 0, size - 1
    while first < last:
        pivot, low, high = values[(first + last) // 2], first, last
        while low <= high:
            while values[low] < pivot:
                low += 1
            while values[high] > pivot:
                high -= 1
            if low <= high:
                values[low], values[high] = values[high], values[low]
                low, high = low + 1, high - 1
        if most <= high:
            last = high
        elif most >= low:
            first = low
        else:
            break


@_compiled
def border_of(values: Floats, spare: Floats, size: int, most: int) -> float:
    """Return the `most`-th largest of the first `size` values; `spare` is room for them."""
    spare[:size] = values[:size]
    smallest_first(spare, size, size - most)
    return float(spare[size - most])


@_compiled
def largest(
    values: Floats, columns: Ints, count: int, depth: int, bits: Ints, found: Ints, histogram: Ints, in_order: bool
) -> int:
    """Put the `depth` largest positive of the first `count` values into `found`, best first if they are to be
    `in_order`, and return how many there are. An entry of `found` holds the bits of the value above those of the
    column, turned round."""
    bucket, above, size = 0, 0, 0
    if count > depth:
        histogram[:] = 0
        for place in range(count):
            if values[place] > 0:
                histogram[bits[place] >> 19] += 1
        bucket = BUCKETS - 1
        while bucket > 0 and above + histogram[bucket] < depth:
            above += histogram[bucket]
            bucket -= 1
    for place in range(count):
        if values[place] > 0 and bits[place] >> 19 >= bucket:
            found[size] = -((np.int64(bits[place]) << 32) | (0x7FFFFFFF - np.int64(columns[place])))
            size += 1
    if size > depth:
        smallest_first(found, size, depth)
        size = depth
    if in_order:
        found[:size].sort()
    return size


@_compiled
def best_of_product(
    starts: Ints,
    columns: Ints,
    values: Floats,
    right_starts: Ints,
    right_columns: Ints,
    right_values: Floats,
    scale: Floats,
    width: int,
    depth: int,
    in_order: bool,
) -> tuple[Floats, Ints, Ints]:
    """Return values, columns and row starts of the `depth` largest positive values of each row of left @ right, whose
    columns are first multiplied by `scale` (empty: by nothing)."""
    rows = len(starts) - 1
    steps = 0
    for row in range(rows):
        taken = 0
        for at in range(starts[row], starts[row + 1]):
            taken += right_starts[columns[at] + 1] - right_starts[columns[at]]
        steps = max(steps, taken)
    sums, touched, kept = np.zeros(width, np.float32), np.empty(steps, np.int32), np.empty(steps, np.float32)
    bits, found, histogram = kept.view(np.int32), np.empty(steps, np.int64), np.zeros(BUCKETS, np.int32)
    out_values, out_columns = (
        np.empty(rows * min(depth, width), np.float32),
        np.empty(rows * min(depth, width), np.int32),
    )
    out_bits = out_values.view(np.int32)
    out_starts = np.zeros(rows + 1, np.int64)
    out = 0
    for row in range(rows):
        count = 0
        for at in range(starts[row], starts[row + 1]):
            middle, weight = columns[at], values[at]
            for place in range(right_starts[middle], right_starts[middle + 1]):
                column = right_columns[place]
                if sums[column] == 0.0:  # new; or back at zero, then noted twice, and zero when read again
                    touched[count] = column
                    count += 1
                sums[column] += weight * right_values[place]
        for place in range(count):
            column = touched[place]
            kept[place] = sums[column] * scale[column] if len(scale) else sums[column]
            sums[column] = 0.0
        size = largest(kept, touched, count, depth, bits, found, histogram, in_order)
        for place in range(size):
            code = -found[place]
            out_columns[out] = 0x7FFFFFFF - (code & 0x7FFFFFFF)
            out_bits[out] = code >> 32
            out += 1
        out_starts[row + 1] = out
    return out_values[:out], out_columns[:out], out_starts


@_compiled
def gathered(starts: Ints, columns: Ints, one: int, allowed: Bools, near: int, slot: Ints, union: Ints) -> int:
    """Number the products among the `near` best of any source's answer to a question, in `slot` and, by number, in
    `union`; return how many there are."""
    size = 0
    for source in range(len(starts)):
        start = starts[source, one]
        for place in range(start, min(starts[source, one + 1], start + near)):
            item = columns[place]
            if slot[item] < 0 and allowed[item]:
                slot[item], union[size] = size, item
                size += 1
    return size


@_compiled
def fused(
    starts: Ints, columns: Ints, one: int, slot: Ints, weights: Floats, constant: float, sums: Floats, size: int
) -> None:
    """Fill `sums` with the weighted reciprocal-rank fusion of the numbered products."""
    sums[:size] = 0.0
    for source in range(len(starts)):
        start = starts[source, one]
        for place in range(start, starts[source, one + 1]):
            at = slot[columns[place]]
            if at >= 0:
                sums[at] += weights[source] / (constant + (place - start))


@_compiled
def strongest(sums: Floats, spare: Floats, union: Ints, size: int, most: int, order: Ints) -> int:
    """Put the products of the `most` largest sums into `order` by product, above their numbers; return how many."""
    for at in range(size):
        order[at] = np.int64(union[at]) << 32 | at
    if size > most:
        border, left = border_of(sums, spare, size, most), most
        for at in range(size):
            left -= sums[at] > border
        for at in range(size):
            if sums[at] < border or (sums[at] == border and left <= 0):
                order[at] = np.int64(0x7FFFFFFFFFFFFFFF)
            elif sums[at] == border:
                left -= 1
    order[:size].sort()
    return min(size, most)


@_compiled
def filled(
    starts: Ints,
    columns: Ints,
    values: Floats,
    one: int,
    slot: Ints,
    out: int,
    scores: Floats,
    shares: Floats,
    ranks: Floats,
) -> None:
    """Write each source's score, share of its best and rank into the rows from `out` on."""
    for source in range(len(starts)):
        start, stop = starts[source, one], starts[source, one + 1]
        peak = max(values[start], np.float32(1e-12)) if stop > start else np.float32(1.0)
        for place in range(start, stop):
            at = slot[columns[place]]
            if at >= 0:
                scores[out + at, source] = values[place]
                shares[out + at, source] = values[place] / peak
                ranks[out + at, source] = place - start


@_compiled
def unite(
    starts: Ints,
    columns: Ints,
    values: Floats,
    weights: Floats,
    allowed: Bools,
    limits: tuple[int, int, int],
    constant: float,
    spare_columns: int,
) -> tuple[Ints, Ints, Floats, Floats, Floats, Floats]:
    """Return query, product, scores, shares, ranks and fusion as `candidates.united` does.

    `starts` is sources x (queries + 1), places in the flat answers; `limits` are near, deep and most."""
    width = len(starts) + spare_columns
    near, deep, most = limits
    sources, queries, products = len(starts), starts.shape[1] - 1, len(allowed)
    slot, union = np.full(products, -1, np.int32), np.empty(min(products, sources * near), np.int32)
    sums, spare, order = np.empty(len(union)), np.empty(len(union)), np.empty(len(union), np.int64)
    room = queries * min(most, len(union))
    query, product, fusion = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    scores, shares = np.zeros((room, width), np.float32), np.zeros((room, width), np.float32)
    ranks = np.full((room, width), deep, np.float32)
    out = 0
    for one in range(queries):
        size = gathered(starts, columns, one, allowed, near, slot, union)
        fused(starts, columns, one, slot, weights, constant, sums, size)
        kept = strongest(sums, spare, union, size, most, order)
        for at in range(size):
            slot[union[at]] = -1
        for at in range(kept):
            slot[order[at] >> 32] = at
            query[out + at], product[out + at] = one, order[at] >> 32
            fusion[out + at] = sums[order[at] & 0xFFFFFFFF]
        filled(starts, columns, values, one, slot, out, scores, shares, ranks)
        for at in range(kept):
            slot[product[out + at]] = -1
        out += kept
    return query[:out], product[:out], scores[:out], shares[:out], ranks[:out], fusion[:out]


@_compiled
def count_votes(shares: Floats, ranks: Floats, near: float, found: Floats) -> None:
    """Fill the first columns of `found`: how many sources name the pair, how many before the rank `near`, and its two
    best ranks. Without branches: nobody can foretell them."""
    none, one, border = np.float32(0.0), np.float32(1.0), np.float32(near)
    for pair in range(len(ranks)):
        votes, nearby = none, none
        first, second = np.float32(np.inf), np.float32(np.inf)
        for source in range(ranks.shape[1]):
            rank = ranks[pair, source]
            votes += one if shares[pair, source] > none else none
            nearby += one if rank < border else none
            later = rank if rank > first else first
            second = later if later < second else second
            first = rank if rank < first else first
        found[pair, 0], found[pair, 1] = votes, nearby
        found[pair, 2], found[pair, 3] = first, second if ranks.shape[1] > 1 else first


@_compiled
def ranks_within(values: Floats, starts: Ints) -> Floats:
    """Return how many values of the same row of a ragged array are larger than each value, or equal and before it."""
    ranks = np.zeros(len(values), np.float32)
    none, one = np.float32(0.0), np.float32(1.0)
    for row in range(len(starts) - 1):
        mine, counted = values[starts[row] : starts[row + 1]], ranks[starts[row] : starts[row + 1]]
        for place in range(len(mine)):
            value = mine[place]
            for other in range(len(mine)):
                counted[other] += one if value > mine[other] else none
            for other in range(place + 1, len(mine)):
                counted[other] += one if value == mine[other] else none
    return ranks


@_compiled
def grow_scores(
    facts: Floats,
    tree_starts: Ints,
    feature: Ints,
    threshold: Floats,
    is_left_unknown: Bools,
    removed: Ints,
    leaf_starts: Ints,
    leaves: Floats,
    first_bit: Ints,
) -> Floats:
    """Return the sum of the leaves that each row of `facts` ends in.

    Each node whose answer is "right" removes the leaves to its left from a set of bits; the lowest bit left over is the
    leaf (after Lucchese et al., "QuickScorer", SIGIR 2015). So all rows of a block take the same steps.
    """
    result = np.zeros(len(facts))
    block = np.empty((facts.shape[1], BLOCK), np.float32)
    left = np.empty(BLOCK, np.uint32)
    for start in range(0, len(facts), BLOCK):
        size = min(BLOCK, len(facts) - start)
        for row in range(size):
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
            for row in range(size):
                lowest = np.int64(left[row]) & -np.int64(left[row])
                result[start + row] += leaves[first + first_bit[((lowest * 0x077CB531) & 0xFFFFFFFF) >> 27]]
    return result


@_compiled
def link_values(
    starts: Ints,
    columns: Ints,
    values: Floats,
    items: Ints,
    pair_starts: Ints,
    product: Ints,
    width: int,
    found: Floats,
) -> None:
    """Fill `found` (pairs x 3: from the last item, the strongest, how many) with the links from the `items` of each
    query (-1: none), the last one first, to the products of its pairs."""
    place = np.full(width, -1, np.int64)
    for query in range(len(items)):
        for pair in range(pair_starts[query], pair_starts[query + 1]):
            place[product[pair]] = pair
        for back in range(items.shape[1]):
            item = items[query, back]
            if item < 0:
                continue
            for at in range(starts[item], starts[item + 1]):
                pair, value = place[columns[at]], values[at]
                if pair >= 0:
                    if back == 0:
                        found[pair, 0] = value
                    if value > 0:
                        found[pair, 1] = max(found[pair, 1], value)
                        found[pair, 2] += 1
        for pair in range(pair_starts[query], pair_starts[query + 1]):
            place[product[pair]] = -1
