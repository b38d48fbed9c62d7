"""The state of the recommendations: versions, sizes, how fresh every handoff is, which rungs serve, what alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from campaigns.domain.campaign_values import tell_age
from campaigns.domain.errors import UnusableEnvironment, WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.precompute import artifacts_of, shelf_of
from campaigns.pipeline.recs_champion import CHALLENGE
from campaigns.pipeline.recs_drift import Populations, compare_populations
from campaigns.pipeline.recs_split import SPLIT
from campaigns.pipeline.train import CHAMPION, HEARTBEAT, moment_of
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import list_heartbeats
from campaigns.storage.recs import (
    count_rungs,
    list_armed_profiles,
    read_last_event,
    read_mail_ages,
    read_slate_ages,
    read_waiting,
)
from recsys import keys

LATELY: Final = timedelta(days=7)
SHOP_TO_EVENT: Final = timedelta(hours=24)
EVENT_TO_STATE: Final = timedelta(minutes=5)
STATE_TO_SLATE: Final = timedelta(hours=1)
SLATE_TO_MAIL: Final = timedelta(hours=26)
DECISION_TO_MAIL: Final = timedelta(minutes=15)
FULL_MODEL: Final = timedelta(hours=50)
SPLIT_STILL: Final = timedelta(hours=1)
FEWEST_COVERED: Final = 0.8
_SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Handoff:
    """How old what one stage hands to the next is. `seconds` None: nothing to measure."""

    name: str
    seconds: float | None
    limit: float
    detail: str

    @property
    def alarms(self) -> bool:
        return self.seconds is not None and self.seconds > self.limit


@dataclass(frozen=True, slots=True)
class Status:
    """All that `recs status` shows. `at` is now; or, in a shop at rest for a week, the moment of its last event."""

    at: datetime
    champion: Mapping[str, Any]
    challenge: Mapping[str, Any]
    training: Mapping[str, Any]
    split: Mapping[str, Any]
    versions: Sequence[str]
    sizes: Mapping[str, int]
    handoffs: Sequence[Handoff]
    rungs: Sequence[tuple[str, str, int, int]]
    covered: float | None
    populations: Populations
    alarms: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "champion": self.champion,
            "challenge": self.challenge,
            "training": self.training,
            "split_training": self.split,
            "versions": self.versions,
            "cache": self.sizes,
            "armed_with_slate": self.covered,
            "handoffs": [
                {"name": h.name, "seconds": h.seconds, "limit": h.limit, "detail": h.detail, "alarms": h.alarms}
                for h in self.handoffs
            ],
            "rungs": [{"rung": r, "source": s, "products": n, "mails": m} for r, s, n, m in self.rungs],
            "populations": self.populations.as_json(),
            "alarms": self.alarms,
        }


def read_status(engine: Engine) -> Status:
    """Looks at everything once. Alarms compare with what the schedule of the workers would have done."""
    with transaction(engine.database) as connection:
        beats = list_heartbeats(connection)
        today = engine.now(connection)
        now = moment_of(connection, today)
        champion = beats[CHAMPION][1] if CHAMPION in beats else {}
        population = _population(engine, str(champion.get("version", "")))
        populations = compare_populations(connection, population, now)
        rungs = count_rungs(connection, since=now - LATELY)
        handoffs = _handoffs(connection, beats, now, today)
        armed = list_armed_profiles(connection, limit=_SAMPLE)
    missing = engine.cache.find_missing([keys.profile(str(one)) for one in armed])
    covered = 1.0 - len(missing) / len(armed) if armed else None
    training = dict(beats[HEARTBEAT][1], at=beats[HEARTBEAT][0]) if HEARTBEAT in beats else {}
    challenge = dict(beats[CHALLENGE][1], at=beats[CHALLENGE][0]) if CHALLENGE in beats else {}
    split = dict(beats[SPLIT][1], at=beats[SPLIT][0]) if SPLIT in beats and beats[SPLIT][1].get("job") else {}
    sizes = engine.cache.sizes()
    still = _span(today, split["at"]) if split else 0.0
    alarms = [*_other_owner(engine), *_alarms(handoffs, populations, covered, training, sizes, champion, still)]
    return Status(
        now,
        champion,
        challenge,
        training,
        split,
        shelf_of(engine).versions(),
        sizes,
        handoffs,
        rungs,
        covered,
        populations,
        alarms,
    )


def _other_owner(engine: Engine) -> list[str]:
    """What is to be told where the artifacts are another shop's."""
    try:
        artifacts_of(engine).check_owner()
    except UnusableEnvironment as error:
        return [str(error)]
    return []


def _population(engine: Engine, version: str) -> Mapping[str, Any]:
    try:
        return dict(shelf_of(engine).manifest(version).get("population", {})) if version else {}
    except WrongUsage:
        return {}


def _handoffs(
    connection: Connection, beats: Mapping[str, tuple[datetime, Mapping[str, Any]]], now: datetime, today: datetime
) -> list[Handoff]:
    waiting, behind = read_waiting(connection), 0
    slates, mails = read_slate_ages(connection, since=now - LATELY), read_mail_ages(connection, since=now - LATELY)
    trained = beats[HEARTBEAT][0] if HEARTBEAT in beats else None
    if trained is not None:
        behind = read_last_event(connection) - int(beats[HEARTBEAT][1].get("last_event") or 0)
    late = max([mails.p99 * (mails.count > 0), _span(now, waiting["oldest_mail"]) if waiting["oldest_mail"] else 0.0])
    full = beats[CHAMPION][1].get("made_at") if CHAMPION in beats else None
    queue = f", the oldest now for {tell_age(_span(now, waiting['oldest_mail']))}" if waiting["oldest_mail"] else ""
    newest = waiting["newest_event"]
    return [
        Handoff(
            "shop to event",
            _span(today, newest) if newest else None,
            SHOP_TO_EVENT.total_seconds(),
            "since the newest event happened",
        ),
        Handoff(
            "event to state",
            _span(now, waiting["oldest"]) if waiting["oldest"] else 0.0,
            EVENT_TO_STATE.total_seconds(),
            f"{waiting['batches']:,} batches wait; age of the oldest",
        ),
        Handoff(
            "state to slate",
            None if trained is None else _span(now, trained) if behind > 0 else 0.0,
            STATE_TO_SLATE.total_seconds(),
            f"since the last refresh, where something happened after it ({behind:,} events)",
        ),
        Handoff(
            "full model",
            _span(now, datetime.fromisoformat(full)) if full else None,
            FULL_MODEL.total_seconds(),
            "since the version in force was trained",
        ),
        Handoff(
            "slate to mail",
            slates.p99 if slates.count else None,
            SLATE_TO_MAIL.total_seconds(),
            f"age of slates at the decision, 99th percentile of {slates.count:,} (median {tell_age(slates.median)})",
        ),
        Handoff(
            "decision to mail",
            late if mails.count or waiting["oldest_mail"] else None,
            DECISION_TO_MAIL.total_seconds(),
            f"until handed over, 99th percentile of {mails.count:,} mails (median {tell_age(mails.median)}){queue}",
        ),
    ]


def _span(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def _alarms(
    handoffs: Sequence[Handoff],
    populations: Populations,
    covered: float | None,
    training: Mapping[str, Any],
    sizes: Mapping[str, int],
    champion: Mapping[str, Any],
    still: float,
) -> list[str]:
    found = [
        f"{one.name} is stale: {tell_age(one.seconds or 0.0)}, {tell_age(one.limit)} are allowed"
        for one in handoffs
        if one.alarms
    ]
    if not training:
        found.append("nothing was trained yet: mails show what is wanted lately; `rekindle recs train` learns")
    elif not sizes.get("lists"):
        found.append("the cache holds no lists: mails show what is wanted lately until the next refresh")
    if covered is not None and covered < FEWEST_COVERED and training:
        found.append(f"only {covered:.0%} of the profiles with a timer have a slate of their own")
    if champion.get("held"):
        found.append(f"{champion.get('reason')}: refreshes are held until `rekindle recs train`")
    if still > SPLIT_STILL.total_seconds():
        found.append(f"the training under way stands still since {tell_age(still)}: do a beat and a worker run?")
    for skew in populations.skews:
        if skew.alarms:
            found.append(f"{skew.name} differ in {', '.join(skew.alarms)}")
    return found
