"""Champion and challenger: a newly learned model goes live only where it does not lose, and one step leads back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.precompute import KEEP_SECONDS, Spread, artifacts_of, model_of, shelf_of
from campaigns.pipeline.recs_arena import Contender
from campaigns.pipeline.recs_contest import Contest, hold_contest
from campaigns.pipeline.recs_features import population_of
from campaigns.pipeline.recs_split import (
    HandOut,
    SplitTraining,
    begin_split,
    end_split,
    is_split,
    read_split,
    take_up_split,
)
from campaigns.pipeline.train import (
    History,
    Ranking,
    TrainReport,
    ask,
    learn,
    mix_record,
    note_champion,
    note_training,
    read_champion,
    read_history,
    records_of,
    report_of,
)
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import beat
from campaigns.storage.recs import no_refresh, training_turn
from recsys.blend.model import fit_here
from recsys.stored import save_model
from recsys.training import Artifacts

CHALLENGE: Final = "recs_challenge"
MOST_FULL: Final = 20_000_000
"""Interactions a full training reads at most."""
SHRUNK: Final = 0.5
"""A history or catalog of less than this share of the champion's is taken for a mishap, not for news."""
_KEPT: Final = (
    "version",
    "made_at",
    "ranking",
    "interactions",
    "blend_interactions",
    "blend_days",
    "products",
    "profiles",
    "records",
    "reason",
    "mix",
)
_HELD_SECONDS: Final = int(timedelta(days=30).total_seconds())

FindHelp = Callable[[int], HandOut | None]
"""Told how many interactions were read, names whom to offer parts of the training; None: nobody."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a full training came to. `published` is None where the champion stays."""

    contest: Contest
    published: TrainReport | None
    ranking: Ranking
    reason: str

    def as_json(self) -> dict[str, Any]:
        report = self.published
        return {
            "live": report is not None,
            "version": report.version if report else None,
            "ranking": self.ranking,
            "reason": self.reason,
            "interactions": report.interactions if report else None,
            "blend_interactions": report.blend_interactions if report else None,
            "profiles": report.profiles if report else None,
            "records": report.records if report else None,
            "contest": self.contest.as_json(),
        }


def stored_contender(engine: Engine, version: str) -> Callable[[], Contender] | None:
    """The version in force as a contest asks it; None where it is not on the shelf."""
    shelf = shelf_of(engine)
    if not shelf.has(version):
        return None
    return lambda: Contender(dict(shelf.records(version)), model_of(engine, version))


def challenge(
    engine: Engine,
    *,
    force: bool = False,
    spread: Spread | None = None,
    hand_out: HandOut | None = None,
    find_help: FindHelp | None = None,
) -> Challenge:
    """Trains from the whole history, compares with the champion on what happened lately, publishes unless it loses.

    `force` publishes in any case; `spread` hands the slates to other workers where they are many, `hand_out` (or what
    `find_help` finds) the fitting of sources where there is much to learn from. Broken off by a person, a training that
    was split up ends for all; where its process dies, a worker goes on. Raises WrongUsage where there is nothing to
    learn from or another training runs, UnusableEnvironment where the artifacts are another shop's."""
    with training_turn(engine.database, is_full=True) as is_ours:
        if not is_ours:
            raise WrongUsage(
                "another training is running", fix="wait for it; `rekindle recs status` shows how far it is"
            )
        artifacts_of(engine).claim()  # and not hours later
        history = read_history(engine, most=MOST_FULL)
        if history.interactions.empty:
            raise WrongUsage("there is no history to learn from", fix="import events, or let the shop send some")
        offer = find_help(len(history.interactions)) if find_help else hand_out
        split = begin_split(engine, history, offer, force=force, is_held=bool(read_champion(engine).get("held")))
        try:
            return _challenge(engine, history, force, spread, split)
        except KeyboardInterrupt:
            if split:
                end_split(engine)
            raise


def nightly(engine: Engine, spread: Spread | None = None, hand_out: HandOut | None = None) -> Challenge | None:
    """The full training as a worker runs it. After a roll-back it waits for a person; None where it did nothing."""
    if read_champion(engine).get("held"):
        return None
    try:
        return challenge(engine, spread=spread, hand_out=hand_out)
    except WrongUsage:
        return None


def resume(engine: Engine, spread: Spread | None = None, hand_out: HandOut | None = None) -> Challenge | None:
    """Goes on with a split training whose coordinator died: parts that are fitted are not fitted again. None where
    there is none, or its coordinator lives."""
    if not is_split(engine):
        return None
    with training_turn(engine.database, is_full=True) as is_ours:
        if not is_ours:
            return None
        if read_champion(engine).get("held") and not read_split(engine).get("is_held"):
            end_split(engine)  # a person went back to the former version since
            return None
        found = take_up_split(engine, hand_out)
        return _challenge(engine, found[1], found[0].is_forced, spread, found[0]) if found else None


def _challenge(
    engine: Engine, history: History, force: bool, spread: Spread | None, split: SplitTraining | None
) -> Challenge:
    champion, fit_sources = read_champion(engine), split.fit if split else fit_here
    stored = stored_contender(engine, str(champion.get("version", "")))
    contest = hold_contest(
        history,
        "blend",
        champion=stored,
        champion_until=datetime.fromisoformat(champion["made_at"]) if stored else None,
        fit_sources=fit_sources,
    )
    ranking, reason, is_live = _settle(contest, history, champion)
    published = None
    if is_live or force:
        artifacts = learn(history, ranking, profiles=[], fit_sources=fit_sources)
        published = _publish(engine, history, artifacts, ranking, contest, reason, spread)
    facts = {"live": published is not None, "reason": reason, "ranking": ranking, "asked": contest.asked}
    with transaction(engine.database) as connection:
        beat(connection, CHALLENGE, engine.now(connection), facts)
    if split:
        end_split(engine)
    return Challenge(contest, published, ranking, reason)


def _settle(contest: Contest, history: History, champion: Mapping[str, Any]) -> tuple[Ranking, str, bool]:
    for what, count in (("interactions", len(history.interactions)), ("products", len(history.products))):
        before = int(champion.get(what) or 0)
        if count < SHRUNK * before:
            return "blend", f"{what} fell from {before:,} to {count:,}: is the data whole?", False
    if contest.verdict is None:
        return "neighbours", contest.notes[0] + "; the plain recipe serves", True
    if not contest.verdict.live and not champion:
        return "neighbours", f"the full model {contest.verdict.reason}; the plain recipe serves", True
    return "blend", contest.verdict.reason, contest.verdict.live


def _publish(
    engine: Engine,
    history: History,
    artifacts: Artifacts,
    ranking: Ranking,
    contest: Contest,
    reason: str,
    spread: Spread | None,
) -> TrainReport:
    champion, shelf = read_champion(engine), shelf_of(engine)
    version = artifacts.version
    mix = {"mix": asdict(contest.mix)} if contest.mix and contest.mix_of == ranking else {}
    records = records_of(artifacts) | mix_record({**mix, "version": version, "ranking": ranking}, history.now)
    report = replace(report_of(artifacts, len(history.interactions), len(records)), profiles=len(history.profiles))
    before = [*champion.get("former", ()), champion.get("version")]
    former = [one for one in before if one and one != version][-4:]
    manifest: dict[str, Any] = {
        "version": version,
        "made_at": history.now.isoformat(),
        "ranking": ranking,
        "interactions": report.interactions,
        "blend_interactions": report.blend_interactions,
        "blend_days": report.blend_days,
        "products": len(history.products),
        "profiles": report.profiles,
        "records": report.records,
        "reason": reason,
        **mix,
        "population": population_of(history, report.blend_days),
        "contest": contest.as_json(),
    }
    shelf.put(version, manifest, records.items(), partial(save_model, artifacts.model))
    facts: dict[str, Any] = {name: manifest[name] for name in _KEPT if name in manifest}
    with no_refresh(engine.database):
        engine.cache.write(records, ttl_seconds=KEEP_SECONDS)
        note_champion(engine, {**facts, "former": former})
        note_training(engine, report, history.now, history.days, history.last_event)
    engine.models.clear()
    engine.models[version] = artifacts.model
    rows = history.interactions
    ask(engine, artifacts.model, history.profiles, history.now, spread, interactions=rows, keep_as="all")
    shelf.tidy([version, *former[-1:]])
    return report


def roll_back(engine: Engine) -> tuple[str, str]:
    """Puts the former version back into the cache and holds it until the next `recs train`; returns (from, to).

    Raises WrongUsage where there is no former version, or its records are not on this machine."""
    champion, shelf = read_champion(engine), shelf_of(engine)
    current, former = str(champion.get("version", "")), list(champion.get("former", ()))
    if not former:
        raise WrongUsage("there is no former model version to go back to", fix="see `rekindle recs status`")
    version = former.pop()
    manifest = shelf.manifest(version)
    records = dict(shelf.records(version))
    engine.cache.write(records, ttl_seconds=_HELD_SECONDS)
    if shelf.has(current):
        engine.cache.delete(key for key, _ in shelf.records(current) if key not in records)
    facts: dict[str, Any] = {name: manifest[name] for name in _KEPT if name in manifest}
    note_champion(engine, {**facts, "former": former, "held": True, "reason": f"rolled back from {current}"})
    return current, version
