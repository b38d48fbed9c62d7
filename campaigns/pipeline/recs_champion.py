"""Champion and challenger: a newly learned model goes live only where it does not lose, and one step leads back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.recs_contest import Contest, hold_contest
from campaigns.pipeline.recs_features import population_of
from campaigns.pipeline.train import (
    KEEP_SECONDS,
    History,
    Ranking,
    TrainReport,
    learn,
    note_champion,
    note_training,
    read_champion,
    read_history,
    records_of,
    report_of,
)
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import beat
from campaigns.storage.recs import training_turn
from campaigns.storage.recs_shelf import Shelf

CHALLENGE: Final = "recs_challenge"
MOST_FULL: Final = 20_000_000
"""Interactions a full training reads at most."""
BLEND_MOST: Final = 5_000_000
"""Above this many interactions the plain recipe is learned: the blend would not be done by morning on one host."""
SHRUNK: Final = 0.5
"""A history or catalog of less than this share of the champion's is taken for a mishap, not for news."""
_HELD_SECONDS: Final = int(timedelta(days=30).total_seconds())


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
            "profiles": report.profiles if report else None,
            "records": report.records if report else None,
            "contest": self.contest.as_json(),
        }


def shelf_of(engine: Engine) -> Shelf:
    """Where the versions of this world are kept."""
    return Shelf(engine.workspace.artifacts / "recs" / engine.cache.world)


def challenge(engine: Engine, *, force: bool = False) -> Challenge:
    """Trains from the whole history, compares with the champion on what happened lately, publishes unless it loses.

    `force` publishes in any case. Raises WrongUsage where there is nothing to learn from or another training runs."""
    with training_turn(engine.database) as is_ours:
        if not is_ours:
            raise WrongUsage(
                "another training is running", fix="wait for it; `rekindle recs status` shows when it ended"
            )
        history = read_history(engine, most=MOST_FULL)
        if history.interactions.empty:
            raise WrongUsage("there is no history to learn from", fix="import events, or let the shop send some")
        return _challenge(engine, history, force)


def nightly(engine: Engine) -> Challenge | None:
    """The full training as a worker runs it. After a roll-back it waits for a person; None where it did nothing."""
    if read_champion(engine).get("held"):
        return None
    try:
        return challenge(engine)
    except WrongUsage:
        return None


def _challenge(engine: Engine, history: History, force: bool) -> Challenge:
    champion, shelf = read_champion(engine), shelf_of(engine)
    version = str(champion.get("version", ""))
    is_stored = shelf.has(version)
    ranking: Ranking = "blend" if len(history.interactions) <= BLEND_MOST else "neighbours"
    contest = hold_contest(
        history,
        ranking,
        champion=(lambda: dict(shelf.records(version))) if is_stored else None,
        champion_until=datetime.fromisoformat(champion["made_at"]) if is_stored else None,
    )
    ranking, reason, is_live = _settle(contest, ranking, history, champion)
    published = _publish(engine, history, ranking, contest, reason) if is_live or force else None
    facts = {"live": published is not None, "reason": reason, "ranking": ranking, "asked": contest.asked}
    with transaction(engine.database) as connection:
        beat(connection, CHALLENGE, engine.now(connection), facts)
    return Challenge(contest, published, ranking, reason)


def _settle(
    contest: Contest, ranking: Ranking, history: History, champion: Mapping[str, Any]
) -> tuple[Ranking, str, bool]:
    for what, count in (("interactions", len(history.interactions)), ("products", len(history.products))):
        before = int(champion.get(what) or 0)
        if count < SHRUNK * before:
            return ranking, f"{what} fell from {before:,} to {count:,}: is the data whole?", False
    if contest.verdict is None:
        return "neighbours", contest.notes[0] + "; the plain recipe serves", True
    if not contest.verdict.live and not champion:
        return "neighbours", f"the full model {contest.verdict.reason}; the plain recipe serves", True
    return ranking, contest.verdict.reason, contest.verdict.live


def _publish(engine: Engine, history: History, ranking: Ranking, contest: Contest, reason: str) -> TrainReport:
    artifacts = learn(history, ranking)
    records = records_of(artifacts)
    report = report_of(artifacts, len(history.interactions), len(records))
    champion, shelf = read_champion(engine), shelf_of(engine)
    before = [*champion.get("former", ()), champion.get("version")]
    former = [one for one in before if one and one != report.version][-4:]
    manifest = {
        "version": report.version,
        "made_at": history.now.isoformat(),
        "ranking": ranking,
        "interactions": report.interactions,
        "products": len(history.products),
        "profiles": report.profiles,
        "records": report.records,
        "reason": reason,
        "population": population_of(history),
        "contest": contest.as_json(),
    }
    shelf.put(report.version, manifest, records.items())
    engine.cache.write(records, ttl_seconds=KEEP_SECONDS)
    kept = ("version", "made_at", "ranking", "interactions", "products", "profiles", "records", "reason")
    note_champion(engine, {**{name: manifest[name] for name in kept}, "former": former})
    note_training(engine, history, report)
    shelf.tidy([report.version, *former[-1:]])
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
    kept = ("version", "made_at", "ranking", "interactions", "products", "profiles", "records")
    facts = {name: manifest[name] for name in kept}
    note_champion(engine, {**facts, "former": former, "held": True, "reason": f"rolled back from {current}"})
    return current, version
