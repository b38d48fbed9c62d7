"""The contract every recommendation source fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import scipy.sparse as sp

from recsys.arrays import Floats, Ints, Matrix, csr
from recsys.errors import BadArtifact
from recsys.log import InteractionLog
from recsys.queries import Queries


@dataclass(frozen=True, slots=True)
class Needs:
    """What a source must be given to say anything; the blend leaves it out where that is missing."""

    profiles: bool = False
    times: bool = False
    orders: bool = False
    attributes: bool = False


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a source can do, so that callers ask only for what makes sense."""

    strangers: bool = True  # answers a query without profile and history
    repeats: bool = False  # may recommend what the query already contains
    new_products: bool = False  # may recommend products nobody touched yet
    judges: bool = False  # is a `Judge`: the blend asks it about what others propose, not for its own best


class Source(Protocol):
    """One way to find candidates. `score` returns queries x products, the best `depth` positive scores per row."""

    name: str
    needs: Needs
    abilities: Abilities

    def fit(self, log: InteractionLog) -> Self:
        """Learn from the log and return self; any earlier state is forgotten."""
        ...

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return scores for each query; a row may be empty, never negative, never longer than `depth`."""
        ...

    def save(self, folder: Path) -> None:
        """Write what was learned into `folder` (created where missing)."""
        ...

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote; BadArtifact where it is missing or damaged."""
        ...


class Judge(Source, Protocol):
    """A source whose best products cost a look at every product of the shop, but not what it thinks of some."""

    def judge(self, queries: Queries, query: Ints, product: Ints) -> Floats:
        """Return what the source thinks of each pair of a row of `queries` and a product: as in `score`, 0 for no."""
        ...


class StoredArrays:
    """Saves and loads the named arrays and sparse matrices of a source: `_stored` lists the attribute names."""

    name: str
    _stored: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Write one file per learned array."""
        folder.mkdir(parents=True, exist_ok=True)
        for attribute in self._stored:
            value = getattr(self, attribute)
            if sp.issparse(value):
                sp.save_npz(folder / f"{attribute}.npz", csr(value), compressed=False)
            else:
                np.save(folder / f"{attribute}.npy", np.asarray(value), allow_pickle=False)

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote."""
        for attribute in self._stored:
            setattr(self, attribute, _read(folder, attribute))
        return self


def _read(folder: Path, attribute: str) -> object:
    try:
        if (folder / f"{attribute}.npz").exists():
            return csr(sp.load_npz(folder / f"{attribute}.npz"))
        return np.load(folder / f"{attribute}.npy", allow_pickle=False)
    except (OSError, ValueError, KeyError) as problem:
        raise BadArtifact(f"{folder / attribute}: {problem}", "train again") from problem
