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
def put_in_order(values: Ints, size: int) -> None:
    """Sort the first `size` values, rising (Shell's way: few lines to compile, and there are few values)."""
    for gap in (10_193, 4_531, 2_014, 895, 398, 177, 79, 35, 15, 7, 3, 1):
        for at in range(gap, size):
            value, place = values[at], at
            while place >= gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value


@_compiled
def border_of(values: Floats, spare: Floats, size: int, most: int) -> float:
    """Return the `most`-th largest of the first `size` values; `spare` is room for them."""
    spare[:size] = values[:size]
    wanted, first, last = size - most, 0, size - 1
    while first < last:
        pivot, low, high = spare[(first + last) // 2], first, last
        while low <= high:
            while spare[low] < pivot:
                low += 1
            while spare[high] > pivot:
                high -= 1
            if low <= high:
                spare[low], spare[high] = spare[high], spare[low]
                low, high = low + 1, high - 1
        if wanted <= high:
            last = high
        elif wanted >= low:
            first = low
        else:
            break
    return float(spare[wanted])


@_compiled
def largest(values: Floats, columns: Ints, count: int, depth: int, bits: Ints, found: Ints, histogram: Ints) -> int:
    """Put the `depth` largest positive of the first `count` values into `found`, best first, and return how many there
    are. An entry of `found` holds the bits of the value above those of the column, turned round."""
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
    put_in_order(found, size)
    return min(size, depth)


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
        size = largest(kept, touched, count, depth, bits, found, histogram)
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
    put_in_order(order, size)
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
) -> tuple[Ints, Ints, Floats, Floats, Floats, Floats]:
    """Return query, product, scores, shares, ranks and fusion as `candidates.united` does.

    `starts` is sources x (queries + 1), places in the flat answers; `limits` are near, deep and most."""
    near, deep, most = limits
    sources, queries, products = len(starts), starts.shape[1] - 1, len(allowed)
    slot, union = np.full(products, -1, np.int32), np.empty(min(products, sources * near), np.int32)
    sums, spare, order = np.empty(len(union)), np.empty(len(union)), np.empty(len(union), np.int64)
    room = queries * min(most, len(union))
    query, product, fusion = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    scores, shares = np.zeros((room, sources), np.float32), np.zeros((room, sources), np.float32)
    ranks = np.full((room, sources), deep, np.float32)
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
def ranks_within(values: Floats, starts: Ints) -> Floats:
    """Return how many values of the same row of a ragged array are larger than each value, or equal and before it."""
    ranks = np.zeros(len(values), np.float32)
    for row in range(len(starts) - 1):
        start, stop = starts[row], starts[row + 1]
        for one in range(start, stop):
            value, before = values[one], 0
            for other in range(start, one):
                before += values[other] >= value
            for other in range(one + 1, stop):
                before += values[other] > value
            ranks[one] = before
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
