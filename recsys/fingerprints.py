"""What a record says as a number, so that only records that say something new are written.

Records say the same where they name the same products in the same order with scores that lie in the same step of
`STEP`; version and time do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.arrays import Floats, Matrix, positions, row_numbers
from recsys.packing import Ranked

STEP = 0.005
"""Scores lie between 0 and 1. A record in the cache is never further from the truth than this."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


def of_list(ranked: Ranked) -> int:
    """Return the number of one ranked list."""
    steps = np.floor(np.asarray(ranked.scores, dtype=np.float64) / STEP).astype(np.int64)
    text = "\n".join([str(ranked.sources), *ranked.ids]).encode() + steps.tobytes()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def of_rows(lists: Sequence[Matrix], rhythm_days: Floats, ids: Sequence[str]) -> NDArray[Any]:
    """Return the number of each row of some matrices (columns named by `ids`) and the rhythm; 0: it says nothing."""
    names = pd.util.hash_array(np.array(ids, dtype=object), categorize=False)
    total = np.zeros(len(rhythm_days), dtype=np.uint64)
    for kind, matrix in enumerate(lists, start=1):
        steps = np.floor(matrix.data / STEP).astype(np.uint64)
        place = positions(matrix.indptr).astype(np.uint64)
        where = np.uint64(kind) + (place << np.uint64(8)) + (steps << np.uint64(32))
        np.add.at(total, row_numbers(matrix.indptr), _mixed(names[matrix.indices] ^ _mixed(where)))
    rhythm = np.asarray(rhythm_days, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return total + np.where(rhythm > 0, _mixed(rhythm), np.uint64(0))


def _mixed(values: NDArray[Any]) -> NDArray[Any]:
    """Scatter 64-bit numbers (the finisher of splitmix64, Steele et al., OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        values = values + _ODD
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(values ^ (values >> np.uint64(31)))
