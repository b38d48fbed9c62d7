"""Interactions as columns of numbers: what one refresh keeps for the next, so that only new rows have to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from recsys.arrays import Bools, Ints
from recsys.bestsellers import Visits
from recsys.columns import Columns
from recsys.ids import IdMap
from recsys.log import InteractionLog, in_session_order

SESSION_GAP = 30 * 60
"""Seconds of silence that end a session."""
MICROS = 1_000_000
_NAMES = ("products", "referrals", "localities")


@dataclass(frozen=True)
class Kept:
    """One row per product touched. `number` is the event's, `place` that of the line in it, `at` microseconds since
    1970, `event` a code VIEW .. ORDER; `product`, `referral` and `locality` are places in lists of names, -1 unknown.
    """

    number: Ints
    place: Ints
    profile: Ints
    at: Ints
    event: Ints
    product: Ints
    referral: Ints
    locality: Ints
    products: list[str]
    referrals: list[str]
    localities: list[str]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def columns(self) -> dict[str, Any]:
        """The arrays by name, one value a row."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _NAMES}

    def select(self, rows: Bools | Ints) -> Kept:
        """Return the chosen rows; names stay."""
        return replace(self, **{name: values[rows] for name, values in self.columns.items()})

    def without(self, known: Kept) -> Kept:
        """Return the rows of events that `known` has no row of."""
        return self.select(~np.isin(self.number, known.number))

    def joined(self, new: Kept) -> Kept:
        """Return the rows of both, in time order."""
        columns, names = new.columns, dict[str, Any]()
        for kind, column in zip(_NAMES, ("product", "referral", "locality"), strict=True):
            codes, names[kind] = _coded_into(getattr(self, kind), getattr(new, kind))
            columns[column] = codes[columns[column]].astype(columns[column].dtype)
        both: dict[str, Any] = {name: np.concatenate([had, columns[name]]) for name, had in self.columns.items()}
        return replace(self, **both, **names).in_time_order()

    def in_time_order(self) -> Kept:
        """Return the rows as they happened; those of one moment by event and line."""
        return self.select(np.lexsort((self.place, self.number, self.at)))

    def with_profiles(self, became: Mapping[int, tuple[int, str] | None]) -> Kept:
        """Return the rows with some profiles changed: to another number and locality, or (None) taken out."""
        if not became:
            return self
        old = np.array(sorted(became), dtype=np.int64)
        at = np.minimum(np.searchsorted(old, self.profile), len(old) - 1)
        mine = old[at] == self.profile
        moved = [became[one] or (-1, "") for one in old.tolist()]
        _, localities = _coded_into(self.localities, dict.fromkeys(name for _, name in moved if name))
        code_of = dict(zip(localities, range(len(localities)), strict=True))
        numbers = np.array([number for number, _ in moved], dtype=np.int64)
        places = np.array([code_of.get(name, -1) for _, name in moved], dtype=self.locality.dtype)
        profile, locality = np.where(mine, numbers[at], self.profile), np.where(mine, places[at], self.locality)
        return replace(self, profile=profile, locality=locality, localities=localities).select(profile >= 0)

    def profiles_with_localities(self) -> tuple[Ints, list[str]]:
        """Return every profile once, and the name of its locality ("" unknown)."""
        profiles, rows = np.unique(self.profile, return_index=True)
        names = np.array([*self.localities, ""], dtype=object)
        return profiles, list(names[self.locality[rows]])

    def touched(self) -> list[str]:
        """Return the products in the order of their first row; rows must be in time order."""
        codes = pd.unique(self.product[self.product >= 0])
        return [self.products[code] for code in codes.tolist()]

    def numbers_in(self, products: IdMap) -> Ints:
        """Return the product of each row as a number of `products`, -1 where it is none of them."""
        return np.append(products.numbers(self.products), -1)[self.product]

    def log(self, products: IdMap) -> InteractionLog:
        """Return the log that `build_log` makes of the same rows as a frame; rows must be in time order."""
        session, product = _sessions(self.profile, self.at), self.numbers_in(products)
        rows = product >= 0
        profile, profiles = pd.factorize(self.profile[rows])
        used = self.referral[rows]
        referral, referrals = pd.factorize(np.where(used >= 0, used, -1))
        known = referrals >= 0
        numbers = np.append(np.cumsum(known) - 1, -1)
        numbers[:-1][~known] = -1
        log = InteractionLog(
            session=pd.factorize(session[rows])[0].astype(np.int64),
            profile=profile.astype(np.int64),
            product=product[rows],
            event=self.event[rows].astype(np.int64),
            at=self.at[rows] / MICROS,
            sessions=0,
            profiles=IdMap([str(one) for one in profiles.tolist()]),
            products=products,
            has_times=True,
            referral=numbers[referral],
            referrals=IdMap([self.referrals[one] for one in referrals[known].tolist()]),
        )
        return in_session_order(log)

    def visits(self, products: IdMap) -> Visits:
        """Return where the visits came from, for the bestsellers by context."""
        by = {Columns.REFERRAL: (self.referral, self.referrals), Columns.LOCALITY: (self.locality, self.localities)}
        return Visits(self.numbers_in(products), by)


def _sessions(profile: Ints, at: Ints) -> Ints:
    """Return a number for each session: rows of one profile (in time order) without a long pause between them."""
    order = np.argsort(profile, kind="stable")
    starts = np.ones(len(profile), dtype=bool)
    starts[1:] = (np.diff(profile[order]) != 0) | (np.diff(at[order]) > SESSION_GAP * MICROS)
    session = np.empty(len(profile), dtype=np.int64)
    session[order] = np.cumsum(starts)
    return session


def _coded_into(names: list[str], more: Iterable[str]) -> tuple[Ints, list[str]]:
    """Return the places of `more` in the longer list of names (and, last of all, that of -1), and this list."""
    others = list(more)
    codes = pd.Index(names, dtype=object).get_indexer(pd.Index(others, dtype=object)).astype(np.int64)
    unknown = np.flatnonzero(codes < 0)
    codes[unknown] = len(names) + np.arange(len(unknown))
    return np.append(codes, -1), [*names, *(others[place] for place in unknown.tolist())]
