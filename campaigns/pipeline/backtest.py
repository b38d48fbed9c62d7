"""Backtest: what campaigns would have done over recorded history, by the code that runs live. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from campaigns.decisions.simulate import Happening, SimulatedDecision, Simulation
from campaigns.decisions.simulation_summary import CampaignFigures, SimulationSummary, summarize
from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_reasons import Reason
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.backtest_play import Registry, play, play_one
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.history import Happened, list_histories
from campaigns.pipeline.policy import shop_policy
from campaigns.storage.database import transaction
from campaigns.storage.histories import read_span

_MARGIN = timedelta(days=14)
_PROGRESS_EVERY = 5_000

Progress = Callable[[int], None]
"""Called with the events read since the last call."""


@dataclass(frozen=True, slots=True)
class Clash:
    """How a campaign and another got into each other's way within a frequency window.

    `lost`: mails of this campaign that were skipped because the other wrote or was about to; `won` the reverse;
    `shared` are shoppers that got mail from both, at different times."""

    other: str
    lost: int
    won: int
    shared: int


@dataclass(slots=True)
class Trial:
    """One set of campaigns, played: the figures of all of them."""

    campaigns: Mapping[str, Campaign]
    summary: SimulationSummary = field(default_factory=SimulationSummary)
    clashes: Counter[tuple[str, str]] = field(default_factory=Counter)
    mailed: dict[str, set[str]] = field(default_factory=dict)

    def figures(self, campaign_id: str) -> CampaignFigures:
        """One campaign's figures; empty where it never did anything."""
        return self.summary.campaigns.get(campaign_id) or CampaignFigures()

    def clashes_of(self, campaign_id: str) -> list[Clash]:
        """With whom a campaign shares its shoppers, the busiest first."""
        found = [self._clash(campaign_id, other) for other in self.campaigns if other != campaign_id]
        met = [clash for clash in found if clash.lost or clash.won or clash.shared]
        return sorted(met, key=lambda clash: (-clash.lost - clash.won, -clash.shared, clash.other))

    def _clash(self, campaign_id: str, other: str) -> Clash:
        lost, won = self.clashes[campaign_id, other], self.clashes[other, campaign_id]
        return Clash(other, lost, won, self.summary.overlap(campaign_id, other))


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
    with transaction(engine.database) as connection:
        first, last, _ = read_span(connection)
        if first is None or last is None:
            raise WrongUsage("there is no history yet", fix="run `rekindle import events FILE`, or let events come in")
        end = until or last
        zone = ZoneInfo(engine.settings.shop.zone)
        since = max(first, _first_moment(end, length, zone))
        start = since - warm_up(tried.values())
        registry = Registry.read(connection, start)
        sets = [tried] if candidate is None or campaign_id not in companions else [tried, dict(companions)]
        settings = [setting_of(engine, registry, one, until=end) for one in sets]
        count = Counter[str]()
        histories = _counted(list_histories(connection, since=start, until=end), count, on_progress)
        trials = _try_all(settings, registry, histories, zone, since)
    before = trials[1] if len(trials) > 1 else None
    return Backtest(campaign_id, since, end, zone, trials[0], before, count["events"])


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


def _counted(
    histories: Iterable[list[Happened]], count: Counter[str], on_progress: Progress
) -> Iterator[list[Happened]]:
    told = 0
    for happened in histories:
        count["events"] += len(happened)
        if count["events"] - told >= _PROGRESS_EVERY:
            on_progress(count["events"] - told)
            told = count["events"]
        yield happened
    on_progress(count["events"] - told)


def _try_all(
    settings: Sequence[Simulation],
    registry: Registry,
    histories: Iterable[list[Happened]],
    zone: ZoneInfo,
    since: datetime,
) -> list[Trial]:
    """Reads history once and plays each shopper's part of it with every set of campaigns."""
    trials = [Trial(setting.campaigns) for setting in settings]
    for happened in histories:
        for setting, trial in zip(settings, trials, strict=True):
            found = _noted(play_one(setting, registry, happened), trial, since)
            _add(trial.summary, summarize(found, zone, since=since))
    return trials


def _noted(happenings: Iterable[Happening], trial: Trial, since: datetime) -> Iterator[Happening]:
    for one in happenings:
        if isinstance(one, SimulatedDecision) and one.decided_at >= since:
            facts, reason = one.decision.facts, one.decision.reason
            if reason is Reason.LOST_ARBITRATION:
                trial.clashes[one.campaign_id, str(facts["winner"])] += 1
            elif reason is Reason.FREQUENCY_CAP:
                trial.clashes[one.campaign_id, str(facts["last_campaign"])] += 1
        yield one


def _add(whole: SimulationSummary, part: SimulationSummary) -> None:
    for campaign_id, figures in part.campaigns.items():
        known = whole.campaigns.setdefault(campaign_id, CampaignFigures())
        for name in ("mails_by_day", "mails_by_step", "skips", "deferred", "endings", "not_started"):
            getattr(known, name).update(getattr(figures, name))
        known.ghosts += figures.ghosts
        known.ordered_within_wait += figures.ordered_within_wait
        known.profiles |= figures.profiles


def candidate_of(campaigns: Mapping[str, Campaign], campaign: Campaign) -> Campaign | None:
    """The campaign, where it differs from the one in force of its id."""
    known = campaigns.get(campaign.campaign_id)
    return None if known is not None and replace(campaign, version=known.version) == known else campaign
