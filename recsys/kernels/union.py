"""The union of what sources propose, and a table of it: a row for each pair of a query and a product."""

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
        for place in range(np.uint64(starts[source, one + 1] - start)):
            sums[np.uint64(slot[np.uint64(columns[np.uint64(start) + place])])] += mine[place]


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
def paired(codes: Ints, sums: Floats, kept: Ints) -> tuple[Ints, Ints, Floats, Ints]:
    """Return query, product and fusion of each pair, and where the pairs of each query start."""
    starts = np.zeros(len(kept) + 1, np.int64)
    starts[1:] = np.cumsum(kept)
    query, product, fusion = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.int64), np.empty(starts[-1])
    for one in range(len(kept)):
        for at in range(kept[one]):
            code = codes[one, at]
            query[starts[one] + at], product[starts[one] + at] = one, code >> 32
            fusion[starts[one] + at] = sums[one, code & 0xFFFFFFFF]
    return query, product, fusion, starts


def pick(
    answers: tuple[Ints, Ints, Floats], worth: Floats, allowed: Bools, near: int, most: int
) -> tuple[Ints, Ints, Floats, Ints]:
    """Return query, product and fusion of the `most` strongest candidates of each query, sorted by query and product,
    and where each query starts. `answers` are their starts, sources x (queries + 1), as places in the flat columns and
    values."""
    codes, sums, kept = chosen(answers[0], answers[1], worth, allowed, near, most)
    codes.sort(axis=1)
    found: tuple[Ints, Ints, Floats, Ints] = paired(codes, sums, kept)
    return found


@compiled
def fill_sources(
    answers: tuple[Ints, Ints, Floats],
    first: int,
    pair_starts: Ints,
    product: Ints,
    slot: Ints,
    deep: float,
    sources: int,
    table: Floats,
) -> None:
    """Write shares, ranks and scores of `sources` columns each into the table, a row for each pair of the queries from
    `first` on. Its last row is for what does not count; `slot`, zeros for all products, is zeros again afterwards."""
    starts, columns, values = answers
    for one in range(len(pair_starts) - 1):
        begin, end = pair_starts[one], pair_starts[one + 1]
        for pair in range(begin, end):
            slot[product[pair]] = pair + 1
            table[pair, :sources] = 0.0
            table[pair, sources : 2 * sources] = deep
            table[pair, 2 * sources : 3 * sources] = 0.0
        for source in range(len(starts)):
            start, stop = starts[source, first + one], starts[source, first + one + 1]
            peak = max(values[start], np.float32(1e-12)) if stop > start else np.float32(1.0)
            share, rank, score = np.uint64(source), np.uint64(sources + source), np.uint64(2 * sources + source)
            for place in range(np.uint64(start), np.uint64(stop)):
                number = slot[np.uint64(columns[place])]
                row = np.uint64(number - 1 if number else len(table) - 1)
                table[row, share] = values[place] / peak
                table[row, rank] = np.int64(place) - start
                table[row, score] = values[place]
        for pair in range(begin, end):
            slot[product[pair]] = 0


def table_of(
    answers: tuple[Ints, Ints, Floats], pair_starts: Ints, product: Ints, products: int, deep: int, sources: int
) -> Floats:
    """Return shares, ranks and scores of all pairs, a row each; sources without an answer come last."""
    table = np.empty((len(product) + 1, 3 * sources), np.float32)
    fill_sources(answers, 0, pair_starts, product, np.zeros(products, np.int32), deep, sources, table)
    return table[:-1]
