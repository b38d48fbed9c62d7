"""Array aliases and the few vectorised steps that several sources share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

if TYPE_CHECKING:
    Matrix: TypeAlias = sp.csr_matrix[Any]
else:
    Matrix = sp.csr_matrix

# the names say what an array holds; sizes of the numbers follow from numpy
Ints: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[Any]
Bools: TypeAlias = NDArray[Any]


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
    keep = _largest(scores, depth)
    rows, columns, values = row_numbers(scores.indptr)[keep], scores.indices[keep], scores.data[keep]
    order = np.lexsort((columns, -values, rows))
    indptr = np.searchsorted(rows, np.arange(scores.shape[0] + 1))
    return from_rows(values[order], columns[order], indptr, scores.shape)


def _largest(scores: Matrix, depth: int) -> Ints:
    """Return the places of the `depth` largest positive values of each row, in storage order."""
    keep = scores.data > 0
    for row in np.flatnonzero(np.diff(scores.indptr) > depth):
        a, b = scores.indptr[row], scores.indptr[row + 1]
        rest = np.argpartition(scores.data[a:b], b - a - depth)[: b - a - depth] + a
        keep[rest] = False
    return np.flatnonzero(keep)


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
