"""Backtest: what campaigns would have done over recorded history, by the code that runs live. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from campaigns.decisions.simulate import Happening, Simulation
from campaigns.domain.campaign import Campaign
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.backtest_play import Registry, play
from campaigns.pipeline.backtest_trials import Clash, Progress, Task, Trial, carry_out
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.history import list_histories
from campaigns.pipeline.policy import shop_policy
from campaigns.storage.database import transaction
from campaigns.storage.histories import read_span

_MARGIN = timedelta(days=14)


@dataclass(slots=True)
class Backtest:
    """What came out. `before` is the version in force, where it differs from what was tried."""

    campaign_id: str
    since: datetime
    until: datetime
    zone: ZoneInfo
    after: Trial
    before: Trial | None = None
    events: int = 0

    @property
    def days(self) -> list[date]:
        """Every day of the period, in the shop's zone."""
        first, last = self.since.astimezone(self.zone).date(), self.until.astimezone(self.zone).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def as_json(self) -> dict[str, Any]:
        """The whole for `--json`."""
        document = {
            "campaign": self.campaign_id,
            "since": self.since,
            "until": self.until,
            "events": self.events,
            **trial_json(self.after, self.campaign_id),
        }
        if self.before is not None:
            document["in_force"] = trial_json(self.before, self.campaign_id)
        return document


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of history that was played, and how many events were read for it."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    events: int

    def backtest(self, campaign_id: str, after: Trial, before: Trial | None = None) -> Backtest:
        """What came out for one campaign."""
        return Backtest(campaign_id, self.since, self.until, self.zone, after, before, self.events)


def trial_json(trial: Trial, campaign_id: str) -> dict[str, Any]:
    """One campaign's figures and clashes, and the mails of all."""
    clashes = [
        {"campaign": c.other, "lost_to_it": c.lost, "won_over_it": c.won, "shoppers_of_both": c.shared}
        for c in trial.clashes_of(campaign_id)
    ]
    mails = {name: figures.mails for name, figures in sorted(trial.summary.campaigns.items())}
    return {**trial.figures(campaign_id).to_json(), "overlap": clashes, "mails_of_all_campaigns": mails}


def backtest(
    engine: Engine,
    campaign_id: str,
    candidate: Campaign | None,
    *,
    companions: Mapping[str, Campaign],
    length: timedelta = timedelta(days=30),
    until: datetime | None = None,
    on_progress: Progress = lambda count: None,
) -> Backtest:
    """Plays the last `length` of history with `companions` (the campaigns in force) and with `candidate` in the place
    of the one of its id; None tries what is in force. The period ends with the last event unless `until` is given."""
    tried = {**companions, **({campaign_id: candidate} if candidate else {})}
    sets = [tried] if candidate is None or campaign_id not in companions else [tried, dict(companions)]
    span, trials = try_sets(engine, sets, length=length, until=until, on_progress=on_progress)
    return span.backtest(campaign_id, *trials)


def try_sets(
    engine: Engine,
    sets: Sequence[Mapping[str, Campaign]],
    *,
    length: timedelta,
    until: datetime | None = None,
    on_progress: Progress = lambda count: None,
) -> tuple[Span, list[Trial]]:
    """Plays several sets of campaigns over the same stretch of history, reading it once."""
    with transaction(engine.database) as connection:
        first, last, count = read_span(connection)
    if first is None or last is None:
        raise WrongUsage("there is no history yet", fix="run `rekindle import events FILE`, or let events come in")
    end = until or last
    zone = ZoneInfo(engine.settings.shop.zone)
    since = max(first, _first_moment(end, length, zone))
    start = since - warm_up(campaign for campaigns in sets for campaign in campaigns.values())
    task = Task(sets, shop_policy(engine.settings), engine.settings.events.max_event_age, start, since, end, zone)
    trials, events = carry_out(engine, task, count, on_progress)
    return Span(since, end, zone, events), trials


def happenings(
    engine: Engine,
    connection: Connection,
    campaigns: Mapping[str, Campaign],
    *,
    since: datetime,
    until: datetime,
    as_received: bool = False,
) -> Iterator[Happening]:
    """Everything that would have happened between two times, shopper by shopper; see `list_histories`."""
    registry = Registry.read(connection, since)
    setting = setting_of(engine, registry, campaigns, until=until)
    return play(setting, registry, list_histories(connection, since=since, until=until, as_received=as_received))


def setting_of(engine: Engine, registry: Registry, campaigns: Mapping[str, Campaign], *, until: datetime) -> Simulation:
    """A simulation under the shop's settings."""
    shop, age = shop_policy(engine.settings), engine.settings.events.max_event_age
    return Simulation(campaigns, shop, until, age, registry.suppressed)


def warm_up(campaigns: Iterable[Campaign]) -> timedelta:
    """How far before a period history matters: a shopper who entered then may still be on the way, or may not enter
    again yet."""
    reach = [max(step.after for step in campaign.steps) + campaign.reentry for campaign in campaigns]
    return max(reach, default=timedelta(0)) + _MARGIN


def _first_moment(end: datetime, length: timedelta, zone: ZoneInfo) -> datetime:
    """Whole days are those of the shop, the last one as far as it went."""
    if length % timedelta(days=1):
        return end - length
    first = end.astimezone(zone).date() - length + timedelta(days=1)
    return datetime.combine(first, time(), zone).astimezone(UTC)


def candidate_of(campaigns: Mapping[str, Campaign], campaign: Campaign) -> Campaign | None:
    """The campaign, where it differs from the one in force of its id."""
    known = campaigns.get(campaign.campaign_id)
    return None if known is not None and replace(campaign, version=known.version) == known else campaign


__all__ = [
    "Backtest",
    "Clash",
    "Progress",
    "Trial",
    "backtest",
    "candidate_of",
    "happenings",
    "setting_of",
    "trial_json",
]
