"""Plan: what applying the campaign files would change, in words, and what it would have changed over history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_change import Change, list_changes, refuse_change
from campaigns.pipeline.backtest import Backtest, Progress, backtest
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
) -> Iterator[Planned]:
    """Compares the files with what is in force, campaign by campaign; changed and new ones are tried on the last
    `length` of history (None: not at all)."""
    with transaction(engine.database) as connection:
        stored = {campaign.campaign_id: campaign for campaign in list_campaigns(connection)}
        current = dict(engine.campaigns.read(connection).current)
        running = _running(count_enrollments(connection))
        has_history = read_span(connection)[2] > 0
    for campaign_id in sorted({*files, *(c for c, one in stored.items() if one.status != "retired")}):
        planned = _compare(files.get(campaign_id), stored.get(campaign_id), current.get(campaign_id), running)
        if length is None or not has_history or planned.fate in (Fate.UNCHANGED, Fate.RETIRED):
            yield planned
            continue
        candidate = files[campaign_id].campaign
        found = backtest(engine, campaign_id, candidate, companions=current, length=length, on_progress=on_progress)
        yield Planned(**{**_fields(planned), "backtest": found})


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


def _fields(planned: Planned) -> dict[str, Any]:
    return {name: getattr(planned, name) for name in Planned.__slots__}


def count_left_behind(engine: Engine) -> dict[str, int]:
    """campaign_id -> shoppers who finish on an older version."""
    with transaction(engine.database) as connection:
        return count_on_older_versions(connection)
