"""The questions models are measured by, answered as mails are: cache records, live session, ladder and rules.

A question is the moment within a recent session where a mail could have been decided; the answer is the slate that the
serving code gives from records that knew nothing later. So a version is judged with all its parts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from campaigns.domain.errors import InvalidInput
from campaigns.pipeline.train import History
from recsys import keys
from recsys.arrays import Bools, Ints, Matrix, csr, from_rows, row_numbers, top
from recsys.blend.examples import Examples, looking_back
from recsys.catalog import Catalog, build_catalog
from recsys.columns import CART, Columns, Events
from recsys.evaluation.leaks import LeakFound
from recsys.evaluation.report import Split, time_split
from recsys.log import InteractionLog, build_log
from recsys.mixing import Mix
from recsys.precompute import Model
from recsys.queries import Queries
from recsys.request import Fetched, Request, Rules, Signal, SlotSpec
from recsys.serving import keys_needed, recommend
from recsys.slates import SlotKind

FEWEST: Final = 100
"""With fewer questions nothing is judged."""
MOST: Final = 2_000
DEPTH: Final = 10
SHARE: Final = 0.2
UNSEEN_KINDS: Final = (SlotKind.NEW_FOR_YOU, SlotKind.SIMILAR)
_FROM_LINES: Final = (SlotKind.COMPLEMENT, SlotKind.CROSS_SELL)
_BATCH: Final = 500
_SIGNALS: Final = 30
_EARLIER: Final = 86_400.0

Records = Mapping[str, bytes]


@dataclass(frozen=True)
class Contender:
    """A model as it serves: its cache records, and where it can still be asked, the model for slates made later."""

    records: Records
    model: Model | None = None


@dataclass(frozen=True)
class Arena:
    """The questions, and what may be known when they are answered. `has_carts`: each is asked at an add to cart, whose
    product lies in the cart, so that no slate may show it and no answer counts it."""

    split: Split
    catalog: Catalog
    log: InteractionLog
    past: pd.DataFrame
    border: datetime
    has_carts: bool
    known: Bools | None = None

    @property
    def asked(self) -> int:
        return len(self.split.examples)

    @property
    def queries(self) -> Queries:
        return self.split.examples.queries

    @property
    def askers(self) -> set[str]:
        """The profiles that are asked about."""
        numbers = np.unique(self.queries.profile)
        return {str(one) for one in self.log.profiles.ids(numbers[numbers >= 0])}

    @cached_property
    def requests(self) -> list[Request]:
        """What serving is asked at each question, for a slot of ten products."""
        names, categories, brands = self.catalog.products.external, self.catalog.categories, self.catalog.brands
        facts = [
            (str(name), categories[c] if c >= 0 else "", brands[b] if b >= 0 else "")
            for name, c, b in zip(names, self.catalog.category.tolist(), self.catalog.brand.tolist(), strict=True)
        ]
        return [self._request(n, facts) for n in range(self.asked)]

    def _request(self, n: int, facts: Sequence[tuple[str, str, str]]) -> Request:
        queries = self.queries
        session = queries.prefix[queries.prefix_start[n] : queries.prefix_start[n + 1]][::-1].tolist()
        earlier = queries.history[queries.history_start[n] : queries.history_start[n + 1]][::-1].tolist()
        ages: dict[int, float] = {}
        for place, product in enumerate(session):
            ages.setdefault(product, 60.0 * place)
        for product in earlier:
            ages.setdefault(product, _EARLIER)
        signals = [
            Signal(name, Events.VIEWED, age, category, brand)
            for (name, category, brand), age in ((facts[p], age) for p, age in list(ages.items())[:_SIGNALS])
        ]
        cart = (facts[session[0]][0],) if self.has_carts and session else ()
        if cart:
            signals.insert(0, replace(signals[0], event=Events.ADDED))
        at = 0.0 if np.isnan(queries.at[n]) else float(queries.at[n])
        return Request(_SLOT, f"question-{n}", signals, cart, at=at)


_SLOT: Final = SlotSpec("evaluated", SlotKind.NEXT_BEST, DEPTH, rules=Rules(new_share=0.0))


def arena_of(history: History, *, since: datetime | None = None, most: int = MOST) -> Arena:
    """Questions from the latest fifth of the sessions; or from those since a moment, where these are enough.

    Raises InvalidInput where the past would know an answer."""
    catalog = build_catalog(history.products, history.interactions)
    log = build_log(history.interactions, catalog.products)
    share = _share_since(log, since) if since else SHARE
    try:
        split = time_split(log, share=share or SHARE, most=most)
    except LeakFound as leak:
        raise InvalidInput(f"the evaluation would know the future: {leak}", where="the shop's history") from leak
    last = float(split.past.at.max()) if len(split.past) else history.now.timestamp()
    border = datetime.fromtimestamp(last, UTC)
    past = _rows_until(history.interactions, pd.Timestamp(last, unit="s", tz="UTC"))
    has_carts = int((log.event == CART).sum()) >= FEWEST
    if has_carts:
        split = replace(split, examples=_without_last(split.examples))
    return Arena(split, catalog, log, past, border, has_carts, _known(log, history.known))


def _rows_until(interactions: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The rows up to a moment; they are in time order, so that these need no memory of their own."""
    times = interactions[Columns.OCCURRED_AT]
    is_past = times <= last
    return interactions.iloc[: int(is_past.sum())] if times.is_monotonic_increasing else interactions[is_past]


def _share_since(log: InteractionLog, since: datetime) -> float:
    """The share of sessions that began after a moment; 0 where a test on them would be too small."""
    if not len(log):
        return 0.0
    began = log.at[np.searchsorted(log.session, np.arange(log.sessions))]
    later = int((began > since.timestamp()).sum())
    return later / log.sessions if later >= 2 * FEWEST else 0.0


def _known(log: InteractionLog, known: Collection[str] | None) -> Bools | None:
    if known is None:
        return None
    return np.array([str(one) in known for one in log.profiles.external], dtype=bool)


def _without_last(examples: Examples) -> Examples:
    """The questions without the product that was just put into the cart among their answers."""
    last = examples.queries.prefix[examples.queries.prefix_start[1:] - 1]
    rows = np.repeat(np.arange(len(examples)), np.diff(examples.target_start))
    return _kept(examples, examples.target != last[rows])


def as_strangers(arena: Arena) -> Arena:
    """The same questions, asked by shoppers of whom nothing is known but the live session."""
    queries, nobody = arena.queries, np.full(arena.asked, -1)
    unknown = replace(
        queries,
        history_start=np.zeros_like(queries.history_start),
        history=queries.history[:0],
        profile=nobody,
    )
    return replace(arena, split=replace(arena.split, examples=replace(arena.split.examples, queries=unknown)))


def without_touched(split: Split) -> Split:
    """The questions with those products alone as answers that the shopper never touched before."""
    examples, products = split.examples, len(split.past.products)
    queries = examples.queries
    touched = [
        row_numbers(starts) * products + items
        for starts, items in ((queries.prefix_start, queries.prefix), (queries.history_start, queries.history))
    ]
    rows = np.repeat(np.arange(len(examples)), np.diff(examples.target_start))
    keep = ~np.isin(rows * products + examples.target, np.concatenate(touched))
    return replace(split, examples=_kept(examples, keep))


def _kept(examples: Examples, keep: Bools) -> Examples:
    rows = np.repeat(np.arange(len(examples)), np.diff(examples.target_start))
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows[keep], minlength=len(examples)))])
    return replace(examples, target_start=starts, target=examples.target[keep], target_next=examples.target_next[keep])


def chosen_rows(starts: Ints, items: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Some rows of a ragged array, as (starts, items)."""
    parts = [items[starts[row] : starts[row + 1]] for row in rows]
    lengths = np.cumsum([0, *map(len, parts)])
    return lengths, np.concatenate(parts) if parts else items[:0]


def slates_at(arena: Arena, contender: Contender, *, is_fresh: bool = True) -> dict[str, bytes]:
    """The precomputed slate of every question. `is_fresh`: made after the question's session, as those of mails are
    that are decided after a refresh; else they are the contender's records, made before it."""
    if is_fresh and contender.model is not None:
        queries, days = arena.queries, contender.model.days
        if days is not None:
            queries = looking_back(queries, arena.split.past, days)
        asked = [f"question-{n}" for n in range(arena.asked)]
        last = datetime.fromtimestamp(float(np.nanmax(arena.queries.at, initial=0.0)) + 1.0, UTC)
        numbered = {"products": arena.catalog.products, "profiles": arena.log.profiles}
        return dict(contender.model.answer(queries, asked, last, **numbered))
    profiles = arena.log.profiles.external
    owners = ((n, int(one)) for n, one in enumerate(arena.queries.profile) if one >= 0)
    stored = ((n, contender.records.get(keys.profile(str(profiles[one])))) for n, one in owners)
    return {keys.profile(f"question-{n}"): record for n, record in stored if record}


def served(
    arena: Arena,
    records: Records,
    slates: Records,
    kind: SlotKind = SlotKind.NEXT_BEST,
    *,
    mix: Mix | None = None,
    rows: Sequence[int] | None = None,
) -> list[list[str]]:
    """The products that the serving code shows at each question (or those of `rows`), best first, from `records` and
    `slates`; `mix` stands in for the one of the records."""
    weighed = dict([mix.packed(version="", made_at=arena.border)]) if mix else {}
    numbers = range(arena.asked) if rows is None else rows
    found: list[list[str]] = []
    for start in range(0, len(numbers), _BATCH):
        requests = [_of_kind(arena.requests[n], kind) for n in numbers[start : start + _BATCH]]
        packed = {key: slates.get(key) or records.get(key) for key in keys_needed(requests)}
        fetched = Fetched({**packed, **weighed})
        found += [recommend(request, fetched).product_ids for request in requests]
    return found


def _of_kind(request: Request, kind: SlotKind) -> Request:
    lines = request.cart or tuple(one.product_id for one in request.signals[:1])
    asked = replace(request, slot=replace(request.slot, kind=kind))
    return replace(asked, cart=lines) if kind in _FROM_LINES else asked


def controls(arena: Arena, sources: Sequence[Any]) -> Iterator[tuple[str, Matrix]]:
    """What simple sources would have shown; what lies in the cart is left out there too."""
    for source in sources:
        ranked = source.fit(arena.split.past).score(arena.queries, DEPTH + 1)
        if arena.has_carts:
            last = arena.queries.prefix[arena.queries.prefix_start[1:] - 1]
            ranked.data = np.where(last[row_numbers(ranked.indptr)] == ranked.indices, 0.0, ranked.data)
        yield source.name, top(csr(ranked), DEPTH)


def matrix_of(found: Sequence[Sequence[str]], catalog: Catalog) -> Matrix:
    """Answers as a matrix: questions x products, best first."""
    flat = [product for row in found for product in row]
    places = [1.0 / (place + 1) for row in found for place in range(len(row))]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in found])])
    columns = catalog.products.numbers(flat) if flat else np.zeros(0, dtype=np.int64)
    return from_rows(np.array(places), columns, starts, (len(found), len(catalog)))
