"""A simulation in figures: mails a day, shoppers reached, what stood in the way, and who ordered anyway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from campaigns.decisions.simulate import Happening, SimulatedDecision, SimulatedEnding
from campaigns.domain.campaign_reasons import ExitReason
from campaigns.domain.decision import Ghost, Send

ORDERED = frozenset({ExitReason.ORDERED, ExitReason.ORDERED_AGAIN, ExitReason.BOUGHT_PRODUCT})


@dataclass(slots=True)
class CampaignFigures:
    """One campaign's figures. `ordered_within_wait` counts enrollments that an order ended before any mail."""

    mails_by_day: Counter[date] = field(default_factory=Counter)
    mails_by_step: Counter[int] = field(default_factory=Counter)
    ghosts: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    not_started: Counter[str] = field(default_factory=Counter)
    profiles: set[str] = field(default_factory=set)
    ordered_within_wait: int = 0

    @property
    def mails(self) -> int:
        """Mails that would have gone out."""
        return self.mails_by_day.total()

    def to_json(self) -> dict[str, Any]:
        """The figures for `--json`."""
        return {
            "mails": self.mails,
            "profiles": len(self.profiles),
            "ghosts": self.ghosts,
            "mails_by_day": {day.isoformat(): count for day, count in sorted(self.mails_by_day.items())},
            "mails_by_step": {str(step): count for step, count in sorted(self.mails_by_step.items())},
            "skips": dict(self.skips.most_common()),
            "deferred": dict(self.deferred.most_common()),
            "endings": dict(self.endings.most_common()),
            "not_started": dict(self.not_started.most_common()),
            "ordered_within_wait": self.ordered_within_wait,
        }


@dataclass(slots=True)
class SimulationSummary:
    """All campaigns' figures, and how many shoppers two campaigns would both have mailed."""

    campaigns: dict[str, CampaignFigures] = field(default_factory=dict)

    def overlap(self, one: str, other: str) -> int:
        """Shoppers that both campaigns would have mailed."""
        return len(self._profiles(one) & self._profiles(other))

    def _profiles(self, campaign_id: str) -> set[str]:
        figures = self.campaigns.get(campaign_id)
        return figures.profiles if figures else set()

    def to_json(self) -> Mapping[str, Any]:
        """The summary for `--json`."""
        return {campaign_id: figures.to_json() for campaign_id, figures in sorted(self.campaigns.items())}


def summarize(happenings: Iterable[Happening], zone: tzinfo, *, since: datetime | None = None) -> SimulationSummary:
    """Adds up what happened from `since` on; days are those of `zone`. Reads the stream once and keeps counts only."""
    summary = SimulationSummary()
    mailed: set[tuple[str, str, str]] = set()
    for one in happenings:
        at = one.decided_at if isinstance(one, SimulatedDecision) else one.at
        if since is not None and at < since:
            continue
        figures = summary.campaigns.get(one.campaign_id)
        if figures is None:
            figures = summary.campaigns[one.campaign_id] = CampaignFigures()
        if isinstance(one, SimulatedDecision):
            _add_decision(figures, one, zone)
            if one.decision.is_final:
                mailed.add((one.profile_id, one.campaign_id, one.key))
        else:
            _add_ending(figures, one, (one.profile_id, one.campaign_id, one.key) in mailed)
    return summary


def _add_decision(figures: CampaignFigures, one: SimulatedDecision, zone: tzinfo) -> None:
    decision = one.decision
    if isinstance(decision, Send):
        figures.mails_by_day[one.decided_at.astimezone(zone).date()] += 1
        figures.mails_by_step[one.step] += 1
        figures.profiles.add(one.profile_id)
    elif isinstance(decision, Ghost):
        figures.ghosts += 1
    else:
        counts = figures.skips if decision.is_final else figures.deferred
        counts[str(decision.reason)] += 1


def _add_ending(figures: CampaignFigures, one: SimulatedEnding, is_decided: bool) -> None:
    (figures.not_started if one.is_refusal else figures.endings)[one.reason] += 1
    if not one.is_refusal and not is_decided and one.reason in ORDERED:
        figures.ordered_within_wait += 1
