"""What is wrong with a campaign under a shop's settings: what a file takes over with `shop` is known only here."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from campaigns.decisions.candidate import ShopPolicy
from campaigns.domain.campaign import SHOP, Campaign
from campaigns.domain.campaign_values import spell_duration
from campaigns.domain.campaigns_yaml.checks import BOUND_BY_KEY, LEAST_REENTRY, lies_within

Problem = tuple[int, str]
"""(index of the step, what is wrong with it)."""


def check_with_shop(campaign: Campaign, shop: ShopPolicy) -> list[Problem]:
    """Problems of an otherwise sound campaign: steps that the shop's frequency cap would always stop or that may go out
    in its quiet hours only, and mails without bound where the shop has no cap."""
    found = (*_stopped_by_cap(campaign, shop), *_only_at_night(campaign, shop), *_without_bound(campaign, shop))
    return sorted(found)


def _stopped_by_cap(campaign: Campaign, shop: ShopPolicy) -> Iterable[Problem]:
    for index, (before, step) in enumerate(pairwise(campaign.steps), start=1):
        cap, gap = shop.frequency_cap_of(step.policy), step.after - before.after
        is_certain = before.condition is None and step.policy.frequency_cap == SHOP
        if is_certain and cap is not None and shop.frequency_cap_of(before.policy) is not None and gap < cap:
            yield (
                index,
                f"it could never go out: due {spell_duration(gap)} after {before.name}, and the shop's frequency cap "
                f"is {spell_duration(cap)}; wait longer, or set frequency_cap for this campaign",
            )


def _only_at_night(campaign: Campaign, shop: ShopPolicy) -> Iterable[Problem]:
    for index, step in enumerate(campaign.steps):
        hours, window = shop.quiet_hours_of(step.policy), step.policy.send_window
        if step.policy.quiet_hours == SHOP and hours and window and window.hours and lies_within(window.hours, hours):
            yield index, f"it could never go out: send_hours {window.hours} lie within the shop's quiet hours {hours}"


def _without_bound(campaign: Campaign, shop: ShopPolicy) -> Iterable[Problem]:
    if campaign.once_per_profile or campaign.trigger.name in BOUND_BY_KEY or campaign.reentry >= LEAST_REENTRY:
        return
    for index, step in enumerate(campaign.steps):
        if step.policy.frequency_cap == SHOP and shop.frequency_cap is None:
            yield (
                index,
                "it could mail the same shopper without bound: the shop has no frequency cap and trigger.reentry is "
                f"{spell_duration(campaign.reentry)}; give one of them at least {spell_duration(LEAST_REENTRY)}",
            )
