"""The largest values of rows, in order.

What is selected is coded: the bits of a positive float rise with it, so one whole number holds the value above the
column (turned round) or place, and is negative, so that the best sorts first. numpy sorts such numbers many at a time.
"""

from __future__ import annotations

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.kernels.compilation import compiled

BUCKETS = 4096  # of a float's exponent and first digits, to find the largest ones without sorting all
LOW = 0x7FFFFFFF


@compiled
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


@compiled
def border_of(values: Floats, spare: Floats, size: int, most: int) -> float:
    """Return the `most`-th largest of the first `size` values; `spare` is room for them."""
    spare[:size] = values[:size]
    smallest_first(spare, size, size - most)
    return float(spare[size - most])


@compiled
def largest(bits: Ints, columns: Ints, count: int, depth: int, found: Ints, histogram: Ints) -> int:
    """Put the codes of the `depth` largest positive of the first `count` values, given as their `bits`, into `found`,
    in any order, and return how many there are. `found` has room for one more than `count`."""
    least, above, size = np.int32(1), 0, 0
    if count > depth:
        histogram[:] = 0
        for place in range(np.uint64(count)):
            histogram[np.uint64(max(bits[place], np.int32(0)) >> 19)] += 1
        bucket = BUCKETS - 1
        while bucket > 0 and above + histogram[bucket] < depth:
            above += histogram[bucket]
            bucket -= 1
        least = max(np.int32(bucket << 19), least)
    for place in range(np.uint64(count)):
        found[np.uint64(size)] = -((np.int64(bits[place]) << 32) | (LOW - np.int64(columns[place])))
        size += bits[place] >= least
    if size > depth:
        smallest_first(found, size, depth)
        size = depth
    return size


@compiled
def longest_sum(starts: Ints, columns: Ints, right_starts: Ints) -> int:
    """Return how many values at most a row of a product is summed up from."""
    most = 0
    for row in range(len(starts) - 1):
        taken = 0
        for at in range(starts[row], starts[row + 1]):
            taken += right_starts[columns[at] + 1] - right_starts[columns[at]]
        most = max(most, taken)
    return most


@compiled
def product_codes(
    starts: Ints,
    columns: Ints,
    values: Floats,
    right_starts: Ints,
    right_columns: Ints,
    right_values: Floats,
    scale: Floats,
    width: int,
    depth: int,
) -> tuple[Ints, Ints]:
    """Return the codes of the `depth` largest positive values of each row of left @ right, a row each, 0 behind them,
    and where rows would start without these; columns are first multiplied by `scale` (empty: by nothing)."""
    rows, steps = len(starts) - 1, longest_sum(starts, columns, right_starts)
    most = min(depth, width, steps)
    sums, touched, kept = np.zeros(width, np.float32), np.empty(steps + 1, np.int32), np.empty(steps + 1, np.float32)
    found, histogram = np.empty(steps + 1, np.int64), np.zeros(BUCKETS, np.int32)
    codes, out_starts = np.zeros((rows, most), np.int64), np.zeros(rows + 1, np.int64)
    for row in range(rows):
        count = 0
        for at in range(starts[row], starts[row + 1]):
            middle, weight = columns[at], values[at]
            for place in range(np.uint64(right_starts[middle]), np.uint64(right_starts[middle + 1])):
                column = np.uint64(right_columns[place])
                before = sums[column]
                touched[np.uint64(count)] = column
                count += before == np.float32(0.0)  # new; or back at zero, then noted twice, and zero when read again
                sums[column] = before + weight * right_values[place]
        for place in range(np.uint64(count)):
            column = np.uint64(touched[place])
            kept[place] = sums[column] * scale[column] if len(scale) else sums[column]
            sums[column] = np.float32(0.0)
        size = largest(kept.view(np.int32), touched, count, most, found, histogram)
        codes[row, :size] = found[:size]
        out_starts[row + 1] = out_starts[row] + size
    return codes, out_starts


@compiled
def row_codes(starts: Ints, values: Floats, depth: int) -> tuple[Ints, Ints]:
    """Return the codes of the `depth` largest positive values of each row with their places in it, like
    `product_codes`."""
    rows, longest = len(starts) - 1, 0
    for row in range(rows):
        longest = max(longest, starts[row + 1] - starts[row])
    places, found, histogram = np.arange(longest), np.empty(longest + 1, np.int64), np.zeros(BUCKETS, np.int32)
    codes, out_starts = np.zeros((rows, min(depth, longest)), np.int64), np.zeros(rows + 1, np.int64)
    for row in range(rows):
        bits = values[starts[row] : starts[row + 1]].view(np.int32)
        size = largest(bits, places, len(bits), codes.shape[1], found, histogram)
        codes[row, :size] = found[:size]
        out_starts[row + 1] = out_starts[row] + size
    return codes, out_starts


@compiled
def decoded(codes: Ints, starts: Ints) -> tuple[Floats, Ints]:
    """Return the values and columns of the codes in front of each row."""
    values, columns = np.empty(starts[-1], np.float32), np.empty(starts[-1], np.int32)
    bits = values.view(np.int32)
    for row in range(len(starts) - 1):
        for place in range(starts[row + 1] - starts[row]):
            code = -codes[row, place]
            columns[starts[row] + place] = LOW - (code & LOW)
            bits[starts[row] + place] = code >> 32
    return values, columns


def best_of_product(
    left: tuple[Ints, Ints, Floats],
    right: tuple[Ints, Ints, Floats],
    scale: Floats,
    width: int,
    depth: int,
    in_order: bool,
) -> tuple[Floats, Ints, Ints]:
    """Return values, columns and row starts of the `depth` largest positive values of each row of left @ right (row
    starts, columns and values of either), best first if they are to be `in_order`."""
    codes, starts = product_codes(*left, *right, scale, width, depth)
    if in_order:
        codes.sort(axis=1)
    return (*decoded(codes, starts), starts)


def best_of_rows(starts: Ints, columns: Ints, values: Floats, depth: int) -> tuple[Floats, Ints, Ints]:
    """Return values, columns and row starts of the `depth` largest positive values of each row, best first; of equal
    ones the one that came first."""
    codes, found_starts = row_codes(starts, values, depth)
    codes.sort(axis=1)
    found, place = decoded(codes, found_starts)
    of: Ints = np.repeat(starts[:-1], np.diff(found_starts))
    return found, columns[of + place], found_starts
