"""What is said of pairs: by judges, by all sources together, by links from products of the session."""

from __future__ import annotations

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.kernels.compilation import compiled

LANES = 32  # values that a loop takes at a time


@compiled
def count_votes(table: Floats, size: int, sources: int, near: float, found: Floats, first: int) -> None:
    """Fill four columns of `found`, from `first` on: how many sources name the pair, how many before the rank `near`,
    and its two best ranks. The `size` rows of the table start with the shares and ranks of `sources` columns each.
    Without branches: nobody can foretell them."""
    none, one, border = np.float32(0.0), np.float32(1.0), np.float32(near)
    width = np.uint64(sources)
    for pair in range(np.uint64(size)):
        votes, nearby = none, none
        best, second = np.float32(np.inf), np.float32(np.inf)
        for source in range(width):
            rank = table[pair, width + source]
            votes += one if table[pair, source] > none else none
            nearby += one if rank < border else none
            later = rank if rank > best else best
            second = later if later < second else second
            best = rank if rank < best else best
        found[pair, first], found[pair, first + 1] = votes, nearby
        found[pair, first + 2], found[pair, first + 3] = best, second if sources > 1 else best


@compiled
def count_larger(mine: Floats, size: int, counted: Floats) -> None:
    """Fill `counted` with how many of the first `size` values are larger than each, or equal and before it. Both arrays
    have room for whole lanes."""
    none, one, padded = np.float32(0.0), np.float32(1.0), (size + LANES - 1) // LANES * LANES
    mine[size:padded], counted[:padded] = np.inf, none  # loops of whole lanes have no rest
    for place in range(size):
        value, equal = mine[place], 0
        for other in range(padded):
            counted[other] += one if value > mine[other] else none
            equal += 1 if value == mine[other] else 0
        if equal > 1:
            for other in range(place + 1, size):
                counted[other] += one if value == mine[other] else none


@compiled
def room_of(starts: Ints) -> int:
    """Return the room that the longest row takes in whole lanes."""
    longest = 0
    for row in range(len(starts) - 1):
        longest = max(longest, starts[row + 1] - starts[row])
    return (longest + LANES - 1) // LANES * LANES


@compiled
def ranks_within(values: Floats, starts: Ints) -> Floats:
    """Return how many values of the same row of a ragged array are larger than each value, or equal and before it."""
    ranks, room = np.empty(len(values), np.float32), room_of(starts)
    mine, counted = np.empty(room, values.dtype), np.empty(room, np.float32)
    for row in range(len(starts) - 1):
        size = starts[row + 1] - starts[row]
        mine[:size] = values[starts[row] : starts[row + 1]]
        count_larger(mine, size, counted)
        ranks[starts[row] : starts[row + 1]] = counted[:size]
    return ranks


@compiled
def judge_columns(values: Floats, starts: Ints, deep: float, table: Floats, column: int, sources: int) -> None:
    """Write a judge's share of its best for the query, rank and score of each pair into its columns of the table; a
    value that is not positive has the rank `deep`."""
    room = room_of(starts)
    mine, counted = np.empty(room, np.float32), np.empty(room, np.float32)
    for row in range(len(starts) - 1):
        peak, size = 1e-12, 0
        for pair in range(starts[row], starts[row + 1]):
            peak = max(peak, np.float64(values[pair]))
            if values[pair] > 0:
                mine[size] = values[pair]
                size += 1
        count_larger(mine, size, counted)
        size = 0
        for pair in range(starts[row], starts[row + 1]):
            table[pair, column] = values[pair] / peak
            table[pair, 2 * sources + column] = values[pair]
            table[pair, sources + column] = counted[size] if values[pair] > 0 else deep
            size += values[pair] > 0


@compiled
def put_facts(
    table: Floats,
    base: int,
    size: int,
    pairs: tuple[Ints, Floats, Ints, Floats],
    queries: tuple[Ints, Floats, Ints],
    products: tuple[int, Floats, Ints],
) -> None:
    """Write the facts of pairs, of their queries and of their products into the first `size` rows of the table; the
    first row is that of pair `base`.

    `pairs`: places of the links in the table, links x pairs x 3, places of other facts, facts x pairs. `queries`
    and `products`: place or places, rows of facts, and the row of each pair; facts of products follow each other."""
    link_places, links, places, columns = pairs
    query_places, by_query, query = queries
    product_place, by_product, product = products
    rows, skip, one, two = np.uint64(size), np.uint64(base), np.uint64(1), np.uint64(2)
    for fact in range(len(places)):
        place, mine = np.uint64(places[fact]), columns[fact]
        for pair in range(rows):
            table[pair, place] = mine[skip + pair]
    for link in range(len(link_places)):
        place, told = np.uint64(link_places[link]), links[link]
        for pair in range(rows):
            table[pair, place] = told[skip + pair, 0]
            table[pair, place + one], table[pair, place + two] = told[skip + pair, 1], told[skip + pair, 2]
    for fact in range(np.uint64(len(query_places))):
        place = np.uint64(query_places[fact])
        for pair in range(rows):
            table[pair, place] = by_query[np.uint64(query[skip + pair]), fact]
    for pair in range(rows):
        of, place = np.uint64(product[skip + pair]), np.uint64(product_place)
        for fact in range(np.uint64(by_product.shape[1])):
            table[pair, place + fact] = by_product[of, fact]


@compiled
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
    slot, longest, nothing = np.zeros(width, np.int32), 0, np.float32(0.0)
    for query in range(len(items)):
        longest = max(longest, pair_starts[query + 1] - pair_starts[query])
    mine = np.zeros((longest + 1, 3), np.float32)  # by number of the pair; 0 is for links to what is no candidate
    for query in range(len(items)):
        start, size = pair_starts[query], pair_starts[query + 1] - pair_starts[query]
        for at in range(size):
            slot[product[start + at]] = at + 1
        mine[: size + 1] = nothing
        for back in range(items.shape[1]):
            item = items[query, back]
            if item < 0:
                continue
            for at in range(np.uint64(starts[item]), np.uint64(starts[item + 1])):
                number, value = np.uint64(slot[np.uint64(columns[at])]), values[at]
                mine[number, 0] = value if back == 0 else mine[number, 0]
                mine[number, 1] = max(mine[number, 1], value)
                mine[number, 2] += np.float32(value > nothing)
        for at in range(size):
            slot[product[start + at]] = 0
            found[start + at] = mine[at + 1]
