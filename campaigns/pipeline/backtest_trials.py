"""Trials: sets of campaigns played over the same history, by several processes where there is much of it."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from campaigns.decisions.candidate import ShopPolicy
from campaigns.decisions.simulate import Happening, SimulatedDecision, Simulation
from campaigns.decisions.simulation_summary import CampaignFigures, SimulationSummary, summarize
from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_reasons import Reason
from campaigns.pipeline.backtest_play import Registry, play
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.history import list_histories
from campaigns.pipeline.untold import read_untold, tell_untold
from campaigns.storage.database import connect, statement, transaction

_SCHEMA = statement("SELECT current_schema()")
_SHOPPERS_AT_ONCE = 500
_WORTH_SHARING = 150_000

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

    def count(self, happenings: Iterable[Happening], task: Task) -> None:
        """Adds what happened to some shoppers."""
        _add(self.summary, summarize(happenings, task.zone, since=task.since))

    def add(self, other: Trial) -> None:
        """Adds what happened to other shoppers."""
        _add(self.summary, other.summary)
        self.clashes += other.clashes

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


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be played: sets of campaigns over history from `start`, counted from `since`, up to `until`."""

    sets: Sequence[Mapping[str, Campaign]]
    shop: ShopPolicy
    max_event_age: timedelta
    start: datetime
    since: datetime
    until: datetime
    zone: ZoneInfo


def carry_out(engine: Engine, task: Task, events: int, on_progress: Progress) -> tuple[list[Trial], int]:
    """Plays every set of campaigns over the same history; returns what came of each, and how many events were read.

    With much history the shoppers are shared out to as many processes as there are processors."""
    workers = min(os.cpu_count() or 1, 8) if events >= _WORTH_SHARING else 1
    if workers == 1:
        with transaction(engine.database) as connection:
            return play_share(connection, task, (0, 1), on_progress)
    url = engine.database.url.render_as_string(hide_password=False)
    with transaction(engine.database) as connection:
        schema = str(connection.execute(_SCHEMA).scalar_one())
    trials, total = [Trial(campaigns) for campaigns in task.sets], 0
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        shares = [pool.submit(_play_elsewhere, url, schema, task, (k, workers)) for k in range(workers)]
        for done in as_completed(shares):
            found, count = done.result()
            total += count
            on_progress(count)
            for trial, part in zip(trials, found, strict=True):
                trial.add(part)
    return trials, total


def play_share(
    connection: Connection, task: Task, share: tuple[int, int], on_progress: Progress
) -> tuple[list[Trial], int]:
    """Plays the shoppers of one share (k, n), in this process."""
    registry = Registry.read(connection, task.start)
    trials = [Trial(campaigns) for campaigns in task.sets]
    settings = [
        Simulation(campaigns, task.shop, task.until, task.max_event_age, registry.suppressed) for campaigns in task.sets
    ]
    tried = [campaign for campaigns in task.sets for campaign in campaigns.values()]
    untold = read_untold(connection, tried, since=task.start, until=task.until)
    histories = list_histories(connection, since=task.start, until=task.until, share=share)
    if untold:
        histories = tell_untold(histories, untold, registry.rows)
    total = 0
    with _no_collector():
        while some := list(islice(histories, _SHOPPERS_AT_ONCE)):
            for setting, trial in zip(settings, trials, strict=True):
                trial.count(_noted(play(setting, registry, some), trial, task.since), task)
            read = sum(map(len, some))
            total += read
            on_progress(read)
    return trials, total


def _play_elsewhere(url: str, schema: str, task: Task, share: tuple[int, int]) -> tuple[list[Trial], int]:
    database = connect(url, schema=schema)
    try:
        with transaction(database) as connection:
            return play_share(connection, task, share, lambda count: None)
    finally:
        database.dispose()


@contextmanager
def _no_collector() -> Iterator[None]:
    """Lives hold no circles, and looking for some takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


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
