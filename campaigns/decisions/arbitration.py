"""Arbitration: in one frequency window one mail goes to a profile, and the most important one wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from campaigns.decisions.candidate import Candidate, Rival, ShopPolicy
from campaigns.domain.campaign import Campaign
from campaigns.domain.enrollment import EnrollmentMark
from triggers.evaluate import due_of
from triggers.instants import moment
from triggers.state import ProfileState
from triggers.trigger import Passage


def rivals_of(
    marks: Iterable[EnrollmentMark], campaigns: Mapping[str, Campaign], state: ProfileState, shop: ShopPolicy
) -> list[Rival]:
    """The live enrollments of a profile whose next step is bound by the frequency cap and still has its reason."""
    found = (_rival(mark, campaigns.get(mark.campaign_id), state, shop) for mark in marks if mark.is_live)
    return [rival for rival in found if rival is not None]


def _rival(mark: EnrollmentMark, campaign: Campaign | None, state: ProfileState, shop: ShopPolicy) -> Rival | None:
    if campaign is None or mark.step >= len(campaign.steps):
        return None
    policy = campaign.steps[mark.step].policy
    seen = campaign.trigger.look(state, mark.key)
    if shop.frequency_cap_of(policy) is None or not isinstance(seen, Passage):
        return None
    due_at = max(due_of(campaign.live_rule, mark), moment(seen.last_at) + campaign.steps[0].after)
    return Rival(mark.campaign_id, mark.key, policy.rank, due_at)


def find_winner(candidate: Candidate, window: timedelta, now: datetime) -> Rival | None:
    """Who goes first instead of the candidate: a more important mail due within the window, or one as important
    that is due now and was due earlier. None: the candidate wins."""
    own = (candidate.step.policy.rank, candidate.due_at, candidate.campaign.campaign_id, candidate.mark.key)
    better = [rival for rival in candidate.rivals if _beats(rival, own, window, now)]
    return min(better, key=lambda rival: (rival.rank, rival.due_at, rival.campaign_id, rival.key), default=None)


def _beats(rival: Rival, own: tuple[int, datetime, str, str], window: timedelta, now: datetime) -> bool:
    rank, due_at, campaign_id, key = own
    if (rival.campaign_id, rival.key) == (campaign_id, key):
        return False
    if rival.rank < rank:
        return rival.due_at < now + window
    same = rival.rank == rank and rival.due_at <= now
    return same and (rival.due_at, rival.campaign_id, rival.key) < (due_at, campaign_id, key)


def decision_order(mark: EnrollmentMark, campaigns: Mapping[str, Campaign]) -> tuple[datetime, int, str, str]:
    """The order in which the due steps of one profile are decided: by time, and at one time the least important first,
    so that it can say who won. Live running, replay and backtest keep to it."""
    campaign = campaigns.get(mark.campaign_id)
    step = campaign.steps[mark.step] if campaign is not None and mark.step < len(campaign.steps) else None
    rank = -step.policy.rank if step is not None else 0
    return mark.due_at or mark.entered_at, rank, mark.campaign_id, mark.key
