"""Models measured as they would have been served: cache records, live session and ladder answer the shop's own past.

A question is the moment within a recent session where a mail could have been decided; the answer is the slate that the
serving code gives from the records of a version that knew nothing later. So a version is judged with all its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from campaigns.domain.errors import InvalidInput
from campaigns.pipeline.train import History, Ranking, active_profiles, learn, records_of
from recsys.arrays import Matrix, from_rows
from recsys.catalog import Catalog, build_catalog
from recsys.columns import Columns
from recsys.evaluation.gate import Verdict, judge
from recsys.evaluation.leaks import LeakFound
from recsys.evaluation.report import Report, Split, measure, time_split
from recsys.log import InteractionLog, build_log
from recsys.queries import Queries
from recsys.request import Fetched, Request, Rules, Signal, SlotSpec
from recsys.serving import keys_needed, recommend
from recsys.slates import SlotKind
from recsys.sources.history import History as OwnProducts
from recsys.sources.popularity import Popularity

FEWEST: Final = 100
"""With fewer questions nothing is judged."""
MOST: Final = 2_000
DEPTH: Final = 10
SHARE: Final = 0.2
_BATCH: Final = 500
_SIGNALS: Final = 30
_EARLIER: Final = 86_400.0

Records = Mapping[str, bytes]


@dataclass(frozen=True)
class Arena:
    """The questions, and what may be known when they are answered."""

    split: Split
    catalog: Catalog
    log: InteractionLog
    past: pd.DataFrame
    border: datetime

    @property
    def asked(self) -> int:
        return len(self.split.examples)


@dataclass(frozen=True)
class Contest:
    """What was measured. Without a verdict there were too few questions."""

    reports: list[Report]
    kinds: dict[str, Report]
    verdict: Verdict | None
    champion: str
    border: datetime | None
    asked: int
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "asked": self.asked,
            "trained_until": self.border,
            "champion": self.champion,
            "models": [report.as_json() for report in self.reports],
            "slot_kinds": {kind: report.as_json() for kind, report in self.kinds.items()},
            "verdict": {"live": verdict.live, "reason": verdict.reason} if verdict else None,
            "leaks": "none found",
            "notes": self.notes,
        }


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
    times = history.interactions[Columns.OCCURRED_AT]
    return Arena(split, catalog, log, history.interactions[times <= pd.Timestamp(last, unit="s", tz="UTC")], border)


def _share_since(log: InteractionLog, since: datetime) -> float:
    """The share of sessions that began after a moment; 0 where a test on them would be too small."""
    if not len(log):
        return 0.0
    began = log.at[np.searchsorted(log.session, np.arange(log.sessions))]
    later = int((began > since.timestamp()).sum())
    return later / log.sessions if later >= 2 * FEWEST else 0.0


def hold_contest(
    history: History,
    ranking: Ranking,
    *,
    champion: Callable[[], Records] | None = None,
    champion_until: datetime | None = None,
    with_kinds: bool = False,
    most: int = MOST,
) -> Contest:
    """Measures `ranking` against the champion, own history and bestsellers. The champion is the stored version where
    enough happened since it was made, else the plain recipe, learned from the same past."""
    arena = arena_of(history, since=champion_until, most=most)
    if arena.asked < FEWEST:
        note = f"only {arena.asked} questions could be made of the history: {FEWEST} are needed to judge"
        return Contest([], {}, None, "", None, arena.asked, [note])
    is_stored = champion is not None and champion_until is not None and champion_until <= arena.border
    challenger = _records(arena, history, ranking)
    held = champion() if is_stored and champion else _records(arena, history, "neighbours")
    name = "champion" if is_stored else "neighbours"
    reports = [_served(ranking if is_stored else f"{ranking} (new)", challenger, arena), _served(name, held, arena)]
    verdict = judge(reports[1], reports[0])
    kinds = {kind.value: _served(kind.value, challenger, arena, kind) for kind in SlotKind} if with_kinds else {}
    notes = [] if is_stored else ["no stored version is older than the questions: compared with the plain recipe"]
    return Contest([*reports, *_controls(arena)], kinds, verdict, name, arena.border, arena.asked, notes)


def _records(arena: Arena, history: History, ranking: Ranking) -> Records:
    past = History(arena.past, history.products, active_profiles(arena.past, arena.border), arena.border, history.days)
    return records_of(learn(past, ranking))


def _served(name: str, records: Records, arena: Arena, kind: SlotKind = SlotKind.NEXT_BEST) -> Report:
    ranked = served(records, arena.split.examples.queries, arena.catalog, arena.log, kind)
    return measure(name, ranked, arena.split, arena.catalog, depth=DEPTH)


def _controls(arena: Arena) -> Iterator[Report]:
    for source in (OwnProducts(name="own history"), Popularity("bestsellers")):
        ranked = source.fit(arena.split.past).score(arena.split.examples.queries, DEPTH)
        yield measure(source.name, ranked, arena.split, arena.catalog, depth=DEPTH)


def served(
    records: Records, queries: Queries, catalog: Catalog, log: InteractionLog, kind: SlotKind = SlotKind.NEXT_BEST
) -> Matrix:
    """The slates of `queries` as the serving code gives them from `records`: queries x products, best first."""
    slot = SlotSpec("evaluated", kind, DEPTH, rules=Rules(new_share=0.0))
    names, profiles = catalog.products.external, log.profiles.external
    found: list[list[str]] = []
    for start in range(0, len(queries), _BATCH):
        numbers = range(start, min(start + _BATCH, len(queries)))
        requests = [_request(queries, n, slot, catalog, names, profiles) for n in numbers]
        fetched = Fetched({key: records.get(key) for key in keys_needed(requests)})
        found += [recommend(request, fetched).product_ids for request in requests]
    return _matrix(found, catalog)


def _request(
    queries: Queries, n: int, slot: SlotSpec, catalog: Catalog, names: Sequence[Any], profiles: Sequence[Any]
) -> Request:
    session = queries.prefix[queries.prefix_start[n] : queries.prefix_start[n + 1]][::-1]
    earlier = queries.history[queries.history_start[n] : queries.history_start[n + 1]][::-1]
    newest = [(int(p), 60.0 * place) for place, p in enumerate(session[:_SIGNALS])]
    newest += [(int(p), _EARLIER) for p in earlier[: _SIGNALS - len(newest)]]
    profile = int(queries.profile[n])
    signals = [_signal(p, age, catalog, names) for p, age in newest]
    lines = tuple(one.product_id for one in signals[:1]) if slot.kind in _FROM_LINES else ()
    return Request(slot, str(profiles[profile]) if profile >= 0 else None, signals, lines)


_FROM_LINES: Final = (SlotKind.COMPLEMENT, SlotKind.CROSS_SELL)


def _signal(product: int, age: float, catalog: Catalog, names: Sequence[Any]) -> Signal:
    category, brand = int(catalog.category[product]), int(catalog.brand[product])
    return Signal(
        str(names[product]),
        age_seconds=age,
        category=catalog.categories[category] if category >= 0 else "",
        brand=catalog.brands[brand] if brand >= 0 else "",
    )


def _matrix(found: Sequence[Sequence[str]], catalog: Catalog) -> Matrix:
    flat = [product for row in found for product in row]
    places = [1.0 / (place + 1) for row in found for place in range(len(row))]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in found])])
    columns = catalog.products.numbers(flat) if flat else np.zeros(0, dtype=np.int64)
    return from_rows(np.array(places), columns, starts, (len(found), len(catalog)))
