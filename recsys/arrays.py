"""Array aliases and the few vectorised steps that several sources share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.compiled import kernels

if TYPE_CHECKING:
    Matrix: TypeAlias = sp.csr_matrix[Any]
else:
    Matrix = sp.csr_matrix

# the names say what an array holds; sizes of the numbers follow from numpy
Ints: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[Any]
Bools: TypeAlias = NDArray[Any]


CELLS = 4_000_000  # of the padded block that `top` sorts at a time


def matrix(values: Floats, rows: Ints, columns: Ints, shape: tuple[int, int]) -> Matrix:
    """Return a float32 CSR matrix; values that share a cell are added."""
    return sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=shape)


def from_rows(values: Floats, columns: Ints, indptr: Ints, shape: tuple[int, int]) -> Matrix:
    """Return a float32 CSR matrix of these parts, keeping the order of the values within each row."""
    parts = (values.astype(np.float32), columns.astype(np.int32), indptr.astype(np.int32))
    return sp.csr_matrix(parts, shape=shape)


def empty(rows: int, columns: int) -> Matrix:
    """Return a matrix of zeros."""
    return from_rows(np.zeros(0), np.zeros(0), np.zeros(rows + 1), (rows, columns))


def csr(anything: Any) -> Matrix:
    """Return whatever sparse or dense matrix it is as float32 CSR."""
    return sp.csr_matrix(anything, dtype=np.float32)


def row_numbers(indptr: Ints) -> Ints:
    """Return the row number of every stored value of a CSR matrix or ragged array."""
    return np.asarray(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)))


def positions(indptr: Ints) -> Ints:
    """Return 0, 1, 2, ... within each row of a ragged array."""
    return np.asarray(np.arange(int(indptr[-1])) - np.repeat(indptr[:-1], np.diff(indptr)))


def top(scores: Matrix, depth: int) -> Matrix:
    """Keep the `depth` largest positive values of each row, sorted from best to worst."""
    lengths = np.diff(scores.indptr)
    width = int(min(depth, lengths.max(initial=0)))
    if not width:
        return empty(*scores.shape)
    step = max(CELLS // width, 1)
    parts = [_best_of(scores, i, min(i + step, len(lengths)), width) for i in range(0, len(lengths), step)]
    values, columns, counts = (np.concatenate(x) for x in zip(*parts, strict=True))
    return from_rows(values, columns, np.concatenate([[0], np.cumsum(counts)]), scores.shape)


def best_of_product(
    left: Matrix, right: Matrix, depth: int, scale: Floats | None = None, *, in_order: bool = True
) -> Matrix:
    """Return `top(left @ right, depth)`, each column multiplied by its `scale` before; one loop where compiled, which
    saves itself the sorting where nobody needs the rows `in_order`."""
    loops = kernels()
    if loops is None:
        found = csr(left @ right)
        if scale is not None:
            found.data = (found.data * scale[found.indices]).astype(np.float32)
        return top(found, depth)
    given = np.zeros(0, np.float32) if scale is None else np.asarray(scale, dtype=np.float32)
    parts = ((one.indptr, one.indices, one.data) for one in (left, right))
    values, columns, starts = loops.best_of_product(*parts, given, right.shape[1], depth, in_order)
    return from_rows(values, columns, starts, (left.shape[0], right.shape[1]))


def best_of_rows(scores: Matrix, depth: int) -> Matrix:
    """Return `top(scores, depth)`; where compiled, of equal values the one that is stored first comes first."""
    loops = kernels()
    if loops is None:
        return top(scores, depth)
    values, columns, starts = loops.best_of_rows(scores.indptr, scores.indices, scores.data, depth)
    return from_rows(values, columns, starts, scores.shape)


def heads(ranked: Matrix, depth: int) -> Matrix:
    """Return the first `depth` stored values of each row."""
    kept = np.minimum(np.diff(ranked.indptr), depth)
    starts = np.concatenate([[0], np.cumsum(kept)])
    place = np.repeat(ranked.indptr[:-1] - starts[:-1], kept) + np.arange(starts[-1])
    return from_rows(ranked.data[place], ranked.indices[place], starts, ranked.shape)


def _best_of(scores: Matrix, start: int, stop: int, width: int) -> tuple[Floats, Ints, Ints]:
    """Return (values, columns, how many per row) of `top` for the rows `start` .. `stop`, sorted in a padded block."""
    indptr = scores.indptr[start : stop + 1]
    lengths = np.diff(indptr)
    values = np.full((stop - start, width), -1.0, np.float32)
    columns = np.zeros((stop - start, width), np.int32)
    short = np.repeat(lengths <= width, lengths)
    if short.any():
        rows, place = row_numbers(indptr)[short], positions(indptr - indptr[0])[short]
        values[rows, place] = scores.data[indptr[0] : indptr[-1]][short]
        columns[rows, place] = scores.indices[indptr[0] : indptr[-1]][short]
    for row in np.flatnonzero(lengths > width):
        data = scores.data[indptr[row] : indptr[row + 1]]
        best = np.argpartition(data, len(data) - width)[len(data) - width :]
        values[row], columns[row] = data[best], scores.indices[indptr[row] + best]
    order = np.argsort(-values, axis=1, kind="stable")
    values, columns = np.take_along_axis(values, order, 1), np.take_along_axis(columns, order, 1)
    keep = values > 0
    return values[keep], columns[keep], keep.sum(axis=1)


def row_peaks(scores: Matrix) -> Floats:
    """Return the largest value of each row, 0 for an empty one; the order of the stored values stays as it is."""
    peaks = np.zeros(scores.shape[0])
    filled = np.flatnonzero(np.diff(scores.indptr))
    if len(filled):
        peaks[filled] = np.maximum.reduceat(scores.data, scores.indptr[filled])
    return peaks


def scaled(scores: Matrix) -> Matrix:
    """Divide each row by its largest value; the order of the stored values stays as it is."""
    result = scores.copy()
    result.data = (scores.data / np.maximum(row_peaks(scores)[row_numbers(scores.indptr)], 1e-12)).astype(np.float32)
    return result


def group_sums(values: Floats, groups: Ints, size: int) -> Floats:
    """Return the sum of `values` for each group number below `size`."""
    return np.asarray(np.bincount(groups, weights=values, minlength=size))


def ragged(lists: list[list[int]]) -> tuple[Ints, Ints]:
    """Return (indptr, items) of a list of lists of integers."""
    indptr = np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int64)
    items = np.fromiter((x for row in lists for x in row), dtype=np.int64, count=int(indptr[-1]))
    return indptr, items


def stacked(parts: list[Matrix], columns: int) -> Matrix:
    """Put matrices of the same columns below each other, keeping the order of the values within each row."""
    if not parts:
        return empty(0, columns)
    counts = np.concatenate([np.diff(p.indptr) for p in parts])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    data, indices = np.concatenate([p.data for p in parts]), np.concatenate([p.indices for p in parts])
    return from_rows(data, indices, indptr, (len(counts), columns))
