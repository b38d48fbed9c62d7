"""The union of what sources propose, a table row for each pair of a query and a product."""

from __future__ import annotations

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.kernels.compilation import compiled
from recsys.kernels.selection import border_of

NONE = np.int64(0x7FFFFFFFFFFFFFFF)  # sorts last


@compiled
def gathered(starts: Ints, columns: Ints, one: int, allowed: Bools, near: int, slot: Ints, union: Ints) -> int:
    """Number the products among the `near` best of any source's answer to a query from 1, in `slot` and, by number, in
    `union`; return how many there are."""
    size = 0
    for source in range(len(starts)):
        start = starts[source, one]
        for place in range(start, min(starts[source, one + 1], start + near)):
            item = np.uint32(columns[place])
            number = slot[item]
            is_new = (number == 0) & allowed[item]
            size += is_new
            union[size] = item if is_new else union[size]
            slot[item] = size if is_new else number
    return size


@compiled
def fused(starts: Ints, columns: Ints, one: int, slot: Ints, worth: Floats, sums: Floats, size: int) -> None:
    """Fill `sums` with the fusion of the numbered products: of what each source's places are `worth`."""
    sums[: size + 1] = 0.0
    for source in range(len(starts)):
        start = starts[source, one]
        mine = worth[source]
        for place in range(start, starts[source, one + 1]):
            sums[np.uint32(slot[np.uint32(columns[place])])] += mine[place - start]


@compiled
def strongest(sums: Floats, spare: Floats, union: Ints, size: int, most: int, codes: Ints, fusion: Floats) -> int:
    """Put the `most` largest of the numbered sums into `fusion`, and into `codes` their products above the places in
    it; return how many."""
    border, left = -np.inf, size
    if size > most:
        border, left = border_of(sums[1:], spare, size, most), most
        for at in range(1, size + 1):
            left -= sums[at] > border
    kept = 0
    for at in range(1, size + 1):
        if sums[at] > border or (sums[at] == border and left > 0):
            left -= sums[at] == border
            codes[kept], fusion[kept] = np.int64(union[at]) << 32 | kept, sums[at]
            kept += 1
    return kept


@compiled
def chosen(
    starts: Ints, columns: Ints, worth: Floats, allowed: Bools, near: int, most: int
) -> tuple[Ints, Floats, Ints]:
    """Return codes (product above place) and fusions of the candidates of each query, a row each, and how many."""
    sources, queries = len(starts), starts.shape[1] - 1
    slot, union = np.zeros(len(allowed), np.int32), np.zeros(min(len(allowed), sources * near) + 1, np.int32)
    sums, spare = np.empty(len(union)), np.empty(len(union))
    codes = np.full((queries, min(most, len(union) - 1)), NONE)
    fusion, kept = np.empty(codes.shape), np.zeros(queries, np.int64)
    for one in range(queries):
        size = gathered(starts, columns, one, allowed, near, slot, union)
        fused(starts, columns, one, slot, worth, sums, size)
        kept[one] = strongest(sums, spare, union, size, codes.shape[1], codes[one], fusion[one])
        for at in range(1, size + 1):
            slot[union[at]] = 0
    return codes, fusion, kept


@compiled
def filled(
    starts: Ints,
    columns: Ints,
    values: Floats,
    codes: Ints,
    sums: Floats,
    kept: Ints,
    products: int,
    deep: int,
    sources: int,
    width: int,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Return query, product and fusion of each pair, and the table: shares, ranks and scores of `sources` columns each,
    those without an answer and those up to `width` left free. One row more than there are pairs is for what does not
    count."""
    room = kept.sum()
    query, product, fusion = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    table, slot, out = np.empty((room + 1, width), np.float32), np.zeros(products, np.int32), 0
    for one in range(len(kept)):
        for at in range(kept[one]):
            row, code = out + at, codes[one, at]
            query[row], product[row], fusion[row] = one, code >> 32, sums[one, code & 0xFFFFFFFF]
            slot[product[row]] = at + 1
            table[row, :sources] = 0.0
            table[row, sources : 2 * sources] = deep
            table[row, 2 * sources : 3 * sources] = 0.0
        for source in range(len(starts)):
            start, stop = starts[source, one], starts[source, one + 1]
            peak = max(values[start], np.float32(1e-12)) if stop > start else np.float32(1.0)
            for place in range(start, stop):
                number = slot[np.uint32(columns[place])]
                row = np.uint64(out + number - 1 if number else room)
                table[row, source] = values[place] / peak
                table[row, sources + source] = place - start
                table[row, 2 * sources + source] = values[place]
        for at in range(kept[one]):
            slot[product[out + at]] = 0
        out += kept[one]
    return query, product, fusion, table


def unite(
    answers: tuple[Ints, Ints, Floats],
    worth: Floats,
    allowed: Bools,
    limits: tuple[int, int, int],
    judges: int,
    spare: int,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Return query, product, fusion and table as `candidates.united` does.

    `answers` are their starts, sources x (queries + 1), as places in the flat columns and values; `limits` are near,
    deep and most."""
    starts, columns, values = answers
    near, deep, most = limits
    codes, sums, kept = chosen(starts, columns, worth, allowed, near, most)
    codes.sort(axis=1)
    sources = len(starts) + judges
    query, product, fusion, table = filled(
        starts, columns, values, codes, sums, kept, len(allowed), deep, sources, 3 * sources + spare
    )
    return query, product, fusion, table[: len(query)]
