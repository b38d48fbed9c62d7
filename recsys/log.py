"""The interaction log: a training frame turned into arrays once, clean and in session order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from recsys.arrays import Bools, Floats, Ints
from recsys.columns import CART, ORDER, VIEW, WISH, Columns, Events
from recsys.errors import BadFrame
from recsys.ids import IdMap

LONGEST_SESSION = 200  # later rows of a session are kept, earlier ones dropped: bots and all-day sessions
LONGEST_RUN = 4
_CODES = {Events.VIEWED: VIEW, Events.WISHLISTED: WISH, Events.ADDED: CART, Events.ORDERED: ORDER}
_WEIGHTS = np.array([Events.WEIGHTS[name] for name in Events.NAMES])


@dataclass(frozen=True)
class InteractionLog:
    """Interactions as arrays of one length, sessions contiguous and ordered by their start, rows oldest first.

    `session`, `profile` (-1: stranger) and `product` are row numbers of the id maps, `event` a code VIEW .. ORDER, `at`
    seconds since 1970 (row order where the frame has no times; `has_times` tells).
    """

    session: Ints
    profile: Ints
    product: Ints
    event: Ints
    at: Floats
    sessions: int
    profiles: IdMap
    products: IdMap
    has_times: bool
    referral: Ints | None = None  # codes of `referrals`, -1 unknown; None where the frame has no such column
    referrals: IdMap = field(default_factory=lambda: IdMap([]))

    def __len__(self) -> int:
        return len(self.product)

    @property
    def weight(self) -> Floats:
        """How much each row says about interest, by its event."""
        return _WEIGHTS[self.event]

    @property
    def has_profiles(self) -> bool:
        """Whether any row belongs to a known profile."""
        return bool(len(self.profiles))

    @property
    def actor(self) -> Ints:
        """The profile where known, else a number of its own for the session."""
        return np.where(self.profile >= 0, self.profile, len(self.profiles) + self.session)

    @property
    def began(self) -> Floats:
        """When each session began; without times its number, for then order stands for time."""
        if not self.has_times:
            return np.arange(self.sessions, dtype=float)
        return np.asarray(self.at[np.searchsorted(self.session, np.arange(self.sessions))])

    def rows_of(self, profiles: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the rows of all known profiles, by profile and time, and where among them those of each of some
        profiles begin and end."""
        rows = np.flatnonzero(self.profile >= 0)
        rows = rows[np.lexsort((self.at[rows], self.profile[rows]))]
        known = self.profile[rows]
        return rows, np.searchsorted(known, profiles), np.searchsorted(known, profiles, side="right")

    def select(self, rows: Bools | Ints) -> InteractionLog:
        """Return the log of the chosen rows; id maps and numbering stay the same."""
        session = self.session[rows]
        numbers = np.cumsum(np.diff(session, prepend=session[:1]) != 0) if len(session) else session
        return replace(
            self,
            session=numbers,
            profile=self.profile[rows],
            product=self.product[rows],
            event=self.event[rows],
            at=self.at[rows],
            referral=None if self.referral is None else self.referral[rows],
            sessions=int(numbers[-1]) + 1 if len(numbers) else 0,
        )


def build_log(interactions: pd.DataFrame, products: IdMap | None = None) -> InteractionLog:
    """Return the log of an interactions frame (rows in time order, columns of `Columns`).

    Rows without a product are dropped; of a run of the same product and event in a session only the first 4 rows, and
    of a session only the last 200 rows count. Raises BadFrame where the product column is missing.
    """
    if Columns.PRODUCT not in interactions:
        raise BadFrame(f"interactions have no column {Columns.PRODUCT!r}", "see recsys/columns.py")
    named = interactions[Columns.PRODUCT].notna()
    frame = interactions if named.all() else interactions[named]  # most frames need no copy
    ids = products or IdMap(pd.unique(frame[Columns.PRODUCT]))
    product = ids.numbers(frame[Columns.PRODUCT])
    profile, profiles = _profiles(frame)
    at, has_times = _times(frame)
    session = _sessions(frame, profile)
    event = _events(frame)
    referral, referrals = _referrals(frame)
    rows = (session, profile, product, event, at)
    return in_session_order(InteractionLog(*rows, 0, profiles, ids, has_times, referral, referrals))


def in_session_order(log: InteractionLog) -> InteractionLog:
    """Return a log whose rows are in time order with sessions contiguous, and without what is not worth keeping."""
    order = np.argsort(log.session, kind="stable")
    found = log.select(order[log.product[order] >= 0])
    return found.select(_worth_keeping(found))


def _profiles(frame: pd.DataFrame) -> tuple[Ints, IdMap]:
    if Columns.PROFILE not in frame:
        return np.full(len(frame), -1), IdMap([])
    numbers, values = pd.factorize(frame[Columns.PROFILE], use_na_sentinel=True)
    return numbers.astype(np.int64), IdMap(values)


def _referrals(frame: pd.DataFrame) -> tuple[Ints | None, IdMap]:
    if Columns.REFERRAL not in frame:
        return None, IdMap([])
    text = frame[Columns.REFERRAL].astype(object)
    numbers, values = pd.factorize(text.where(text.notna() & (text != ""), None), use_na_sentinel=True)
    return numbers.astype(np.int64), IdMap(values)


def _times(frame: pd.DataFrame) -> tuple[Floats, bool]:
    fallback = np.arange(len(frame), dtype=np.float64)
    if Columns.OCCURRED_AT not in frame or frame[Columns.OCCURRED_AT].isna().all():
        return fallback, False
    return seconds(frame[Columns.OCCURRED_AT].ffill().bfill()), True


def seconds(times: pd.Series) -> Floats:
    """Return times as seconds since 1970, NaN where missing; naive times count as UTC."""
    stamps = pd.to_datetime(times, utc=True)
    return ((stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(dtype=np.float64)


def _sessions(frame: pd.DataFrame, profile: Ints) -> Ints:
    if Columns.SESSION in frame:
        given = frame[Columns.SESSION]
        numbers: Ints = pd.factorize(given, use_na_sentinel=True)[0].astype(np.int64)
    else:
        numbers = profile.copy()
    lonely = numbers < 0
    numbers[lonely] = numbers.max(initial=-1) + 1 + np.arange(int(lonely.sum()))
    return numbers


def _events(frame: pd.DataFrame) -> Ints:
    if Columns.EVENT not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    return frame[Columns.EVENT].map(_CODES).fillna(VIEW).to_numpy(dtype=np.int64)


def _worth_keeping(log: InteractionLog) -> Bools:
    if not len(log):
        return np.zeros(0, dtype=bool)
    same = (np.diff(log.session) == 0) & (np.diff(log.product) == 0) & (np.diff(log.event) == 0)
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    run = np.repeat(starts, np.diff(np.append(starts, len(log))))
    fresh = np.arange(len(log)) - run < LONGEST_RUN
    session = log.session[fresh]
    from_end = np.searchsorted(session, session, side="right") - np.arange(len(session))
    fresh[fresh] = from_end <= LONGEST_SESSION
    return fresh
