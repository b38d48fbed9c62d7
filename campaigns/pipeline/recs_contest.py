"""Champion against challenger on the shop's own past, as both would have been served, beside simple controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from campaigns.pipeline.recs_arena import (
    DEPTH,
    FEWEST,
    MOST,
    UNSEEN_KINDS,
    Arena,
    Contender,
    Records,
    arena_of,
    as_strangers,
    chosen_rows,
    controls,
    matrix_of,
    served,
    slates_at,
    without_touched,
)
from campaigns.pipeline.train import History, Ranking, active_profiles, learn, mix_record, records_of
from recsys.arrays import Bools, Floats, Ints
from recsys.blend.model import FitSources, fit_here
from recsys.evaluation.gate import Verdict, judge
from recsys.evaluation.metrics import Answers, per_question
from recsys.evaluation.report import Report, measure
from recsys.mixing import Mix, tuned, tuned_for_old
from recsys.request import Fetched
from recsys.slates import SlotKind
from recsys.sources.history import History as OwnProducts
from recsys.sources.popularity import Popularity

_TUNED_ON: Final = 400
"""Questions that the weights of serving are tuned on at most, each half of them for the other half."""


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
    mix: Mix | None = None
    mix_of: Ranking = "blend"

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
            "mix": asdict(self.mix) if self.mix else None,
        }


def hold_contest(
    history: History,
    ranking: Ranking,
    *,
    champion: Callable[[], Contender] | None = None,
    champion_until: datetime | None = None,
    with_kinds: bool = False,
    most: int = MOST,
    fit_sources: FitSources = fit_here,
) -> Contest:
    """Measures `ranking` against the champion, own history and bestsellers. The champion is the stored version where
    enough happened since it was made, else the plain recipe, learned from the same past."""
    arena = arena_of(history, since=champion_until, most=most)
    if arena.asked < FEWEST:
        note = f"only {arena.asked} questions could be made of the history: {FEWEST} are needed to judge"
        return Contest([], {}, None, "", None, arena.asked, [note])
    is_stored = champion is not None and champion_until is not None and champion_until <= arena.border
    challenger = _contender(arena, history, ranking, fit_sources)
    held = champion() if is_stored and champion else _contender(arena, history, "neighbours", fit_sources)
    name = "champion" if is_stored else "neighbours"
    fresh = slates_at(arena, challenger)
    best = _tuned(arena, challenger.records, fresh, slates_at(arena, challenger, is_fresh=False))
    reports = [_measured(ranking if is_stored else f"{ranking} (new)", best.fresh, arena)]
    reports.append(_measured(name, served(arena, held.records, slates_at(arena, held)), arena))
    verdict = judge(reports[1], reports[0])
    reports.append(_measured("slates a night old", best.old, arena))
    reports.append(_measured("no slates", served(arena, challenger.records, {}, mix=best.mix), arena))
    unknown = as_strangers(arena)
    seen = served(unknown, challenger.records, slates_at(unknown, challenger), mix=best.mix)
    reports.append(_measured("strangers", seen, arena))
    simple = [OwnProducts(name="own history"), Popularity("bestsellers")]
    reports += [measure(n, ranked, arena.split, arena.catalog, depth=DEPTH) for n, ranked in controls(arena, simple)]
    kinds = _kinds(arena, challenger.records, fresh, best.mix) if with_kinds else {}
    notes = [] if is_stored else ["no stored version is older than the questions: compared with the plain recipe"]
    return Contest(reports, kinds, verdict, name, arena.border, arena.asked, notes, best.mix, ranking)


def _measured(name: str, answers: list[list[str]], arena: Arena, kind: SlotKind = SlotKind.NEXT_BEST) -> Report:
    split = without_touched(arena.split) if kind in UNSEEN_KINDS else arena.split
    return measure(name, matrix_of(answers, arena.catalog), split, arena.catalog, depth=DEPTH, known=arena.known)


def _kinds(arena: Arena, records: Records, slates: Records, mix: Mix) -> dict[str, Report]:
    return {
        kind.value: _measured(kind.value, served(arena, records, slates, kind, mix=mix), arena, kind)
        for kind in SlotKind
    }


@dataclass(frozen=True)
class _Tuned:
    """The weights of serving that would have done best, and what they answer with fresh slates and with old ones: those
    tuned on one half of the shoppers answer the other half, so that no answer is judged by the question it was tuned
    on."""

    mix: Mix
    fresh: list[list[str]]
    old: list[list[str]]


def _tuned(arena: Arena, records: Records, fresh: Records, old: Records) -> _Tuned:
    half = arena.split.shopper % 2 == 1
    rows = np.flatnonzero(np.random.default_rng(7).random(arena.asked) < _TUNED_ON / arena.asked)
    gain_of, gain_of_old = _gains(arena, records, fresh, rows), _gains(arena, records, old, rows)
    start = Fetched(records).mix

    def best_for(mine: Bools) -> Mix:
        found = tuned(lambda mix: float(gain_of(mix)[mine].sum()), start)
        return tuned_for_old(lambda mix: float(gain_of_old(mix)[mine].sum()), found)

    mixes = [best_for(mine) for mine in (half[rows], ~half[rows])]

    def crossed(slates: Records) -> list[list[str]]:
        by_odd, by_even = (served(arena, records, slates, mix=mix) for mix in mixes)
        return [by_even[n] if half[n] else by_odd[n] for n in range(arena.asked)]

    return _Tuned(best_for(np.ones(len(rows), dtype=bool)), crossed(fresh), crossed(old))


def _gains(arena: Arena, records: Records, slates: Records, rows: Ints) -> Callable[[Mix], Floats]:
    """What each of the chosen questions gains by a mix, measured once."""
    examples, known = arena.split.examples, dict[Mix, Floats]()

    def gain_of(mix: Mix) -> Floats:
        if mix not in known:
            ranked = matrix_of(served(arena, records, slates, mix=mix, rows=rows.tolist()), arena.catalog)
            starts, target = chosen_rows(examples.target_start, examples.target, rows)
            values = per_question(Answers(ranked, starts, target), DEPTH)
            known[mix] = values["hit"] + values["mrr"] + values["ndcg"]
        return known[mix]

    return gain_of


def _contender(arena: Arena, history: History, ranking: Ranking, fit_sources: FitSources) -> Contender:
    profiles = sorted(arena.askers.intersection(active_profiles(arena.past, arena.border)))
    past = replace(history, interactions=arena.past, profiles=profiles, now=arena.border)
    artifacts = learn(past, ranking, fit_sources=fit_sources)
    weights = mix_record({"ranking": ranking, "version": artifacts.version}, arena.border)
    return Contender(records_of(artifacts) | weights, artifacts.model)
