"""Plan: what applying the campaign files would change, in words, and what it would have changed over history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_change import Change, list_changes, refuse_change
from campaigns.pipeline.backtest import Backtest, Progress, Span, Trial, try_sets
from campaigns.pipeline.campaign_files import CampaignFile
from campaigns.pipeline.engine import Engine
from campaigns.storage.campaigns import StoredCampaign, checksum, count_on_older_versions, list_campaigns
from campaigns.storage.database import transaction
from campaigns.storage.enrollments import count_enrollments
from campaigns.storage.histories import read_span


class Fate(StrEnum):
    """What applying would do to a campaign."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Planned:
    """One campaign of the plan. `running` are shoppers on their way; `refusal` says why it cannot be applied."""

    campaign_id: str
    fate: Fate
    version: int
    changes: tuple[Change, ...] = ()
    running: int = 0
    refusal: str = ""
    backtest: Backtest | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        document: dict[str, Any] = {
            "campaign": self.campaign_id,
            "fate": self.fate.value,
            "version": self.version,
            "changes": [{"setting": c.setting, "before": c.before, "after": c.after} for c in self.changes],
            "running": self.running,
        }
        if self.refusal:
            document["refusal"] = self.refusal
        if self.backtest:
            document["backtest"] = self.backtest.as_json()
        return document


def plan(
    engine: Engine,
    files: Mapping[str, CampaignFile],
    *,
    length: timedelta | None = timedelta(days=30),
    on_progress: Progress = lambda count: None,
) -> list[Planned]:
    """Compares the files with what is in force, campaign by campaign. Where something would change, everything as it is
    and everything as it would be are tried on the last `length` of history (None: not at all)."""
    with transaction(engine.database) as connection:
        stored = {campaign.campaign_id: campaign for campaign in list_campaigns(connection)}
        snapshot = engine.campaigns.read(connection)
        current = dict(snapshot.current)
        running = _running(count_enrollments(connection))
        has_history = read_span(connection)[2] > 0
    ids = sorted({*files, *(c for c, one in stored.items() if one.status != "retired")})
    found = [_compare(files.get(c), stored.get(c), current.get(c), running) for c in ids]
    changed = [planned for planned in found if planned.fate is not Fate.UNCHANGED and not planned.refusal]
    if length is None or not has_history or not changed:
        return found
    silent = set(snapshot.paused) - {planned.campaign_id for planned in changed}  # they mail nobody, before or after
    wanted = {campaign_id: file.campaign for campaign_id, file in files.items() if campaign_id not in silent}
    before = {campaign_id: campaign for campaign_id, campaign in current.items() if campaign_id not in silent}
    span, trials = try_sets(engine, [wanted, before], length=length, on_progress=on_progress)
    return [_tried(planned, span, trials, current) if planned in changed else planned for planned in found]


def _tried(planned: Planned, span: Span, trials: Sequence[Trial], current: Mapping[str, Campaign]) -> Planned:
    if planned.fate is Fate.RETIRED:
        return planned
    before = trials[1] if planned.campaign_id in current else None
    return replace(planned, backtest=span.backtest(planned.campaign_id, trials[0], before))


def _compare(
    file: CampaignFile | None, stored: StoredCampaign | None, current: Campaign | None, running: Mapping[str, int]
) -> Planned:
    if file is None:
        assert stored is not None
        return Planned(stored.campaign_id, Fate.RETIRED, stored.version, running=running.get(stored.campaign_id, 0))
    after, campaign_id = file.campaign, file.campaign.campaign_id
    if stored is None or current is None:
        return Planned(campaign_id, Fate.NEW, stored.version + 1 if stored else 1, tuple(list_changes(None, after)))
    count = running.get(campaign_id, 0)
    if stored.checksum == checksum(file.text):
        return Planned(campaign_id, Fate.UNCHANGED, stored.version, running=count)
    changes, refusal = tuple(list_changes(current, after)), refuse_change(current, after)
    return Planned(campaign_id, Fate.CHANGED, stored.version + 1, changes, count, refusal)


def _running(counts: Mapping[tuple[str, str, str], int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (campaign_id, status, _), count in counts.items():
        if status in ("armed", "active"):
            found[campaign_id] = found.get(campaign_id, 0) + count
    return found


def count_left_behind(engine: Engine) -> dict[str, int]:
    """campaign_id -> shoppers who finish on an older version."""
    with transaction(engine.database) as connection:
        return count_on_older_versions(connection)
