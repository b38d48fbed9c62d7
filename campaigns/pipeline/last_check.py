"""The last look before a hand-over: a mail that was decided minutes ago may have lost its reason since."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from campaigns.decisions.candidate import ShopPolicy
from campaigns.domain.campaign import Campaign
from campaigns.domain.message import MessageStatus
from campaigns.pipeline.campaign_book import Snapshot, order_ends
from campaigns.storage.messages import ClaimedMessage, LastFacts
from triggers.state import ProfileState
from triggers.trigger import Ended


class Objection(NamedTuple):
    """Why a queued mail does not go out now: withdrawn for good, or queued again while its campaign is paused."""

    status: MessageStatus
    detail: str


def objection_to(
    message: ClaimedMessage, facts: LastFacts, snapshot: Snapshot, shop: ShopPolicy, at: datetime
) -> Objection | None:
    """What stands against handing a message over at `at`; None lets it go. The caller holds the lock of its profile."""
    if message.campaign_id in snapshot.paused:
        return Objection(MessageStatus.QUEUED, "the campaign is paused")
    detail = _suppression(message, facts) or _lost_reason(message, facts, snapshot, shop, at)
    return Objection(MessageStatus.WITHDRAWN, detail) if detail else None


def _suppression(message: ClaimedMessage, facts: LastFacts) -> str:
    scopes = facts.suppressions or {}
    reason = scopes.get("all") or scopes.get(message.campaign_id)
    return f"suppressed: {reason}" if reason else ""


def _lost_reason(message: ClaimedMessage, facts: LastFacts, snapshot: Snapshot, shop: ShopPolicy, at: datetime) -> str:
    if message.campaign_id not in snapshot.current:
        return "the campaign was taken out of service"
    campaign = snapshot.find(message.campaign_id, facts.campaign_version or 0)
    if campaign is None or message.step > len(campaign.steps):
        return ""
    policy = campaign.steps[message.step - 1].policy
    if policy.needs_consent and (facts.consented is False or (facts.consented is None and shop.requires_opt_in)):
        return "there is no consent to marketing mail any more"
    if policy.max_late is not None and facts.due_at is not None and at - facts.due_at > policy.max_late:
        return "it could not be handed over in time"
    return _ended(campaign, message, facts)


def _ended(campaign: Campaign, message: ClaimedMessage, facts: LastFacts) -> str:
    if facts.exit_reason is not None:
        return f"exited: {facts.exit_reason}"
    is_bound = order_ends(campaign) or campaign.steps[message.step - 1].policy.after_order is not None
    if is_bound and facts.ordered_at is not None and facts.ordered_at > message.created_at:
        return "ordered after the decision"
    if facts.key is None or facts.state is None:
        return ""
    seen = campaign.trigger.look(ProfileState.from_json(facts.state), facts.key)
    return f"exited: {seen.reason}" if isinstance(seen, Ended) else ""
