"""The only bridge between external ids (text or numbers of the shop) and row numbers inside arrays."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recsys.arrays import Ints


class IdMap:
    """Numbers distinct external ids 0, 1, 2, ... in the order given; an unknown id is -1."""

    def __init__(self, external: Iterable[Hashable]) -> None:
        self._index = pd.Index(pd.unique(pd.Series(list(external), dtype=object)), dtype=object)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, value: Hashable) -> bool:
        return value in self._index

    @property
    def external(self) -> list[Any]:
        """All external ids, at the position of their number."""
        return list(self._index)

    def numbers(self, values: Sequence[Hashable] | pd.Series) -> Ints:
        """Return the number of each external id, -1 where it is unknown."""
        return self._index.get_indexer(pd.Index(values, dtype=object)).astype(np.int64)

    def ids(self, numbers: Ints) -> list[Any]:
        """Return the external ids of row numbers; every number must be below `len(self)`."""
        return list(self._index.take(numbers))
