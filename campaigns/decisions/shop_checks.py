"""What is wrong with a campaign under a shop's settings: what a file takes over with `shop` is known only here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Final

from campaigns.decisions.candidate import ShopPolicy
from campaigns.domain.campaign import Campaign, Step
from campaigns.domain.campaign_values import spell_duration

BOUND_BY_KEY: Final = ("post_purchase", "replenishment", "win_back", "welcome")
LEAST_REENTRY: Final = timedelta(hours=1)


def check_with_shop(campaign: Campaign, shop: ShopPolicy) -> list[str]:
    """Problems of an otherwise sound campaign, a line each: steps that the shop's frequency cap would always stop, and
    mails without bound where the shop has no cap."""
    return [*_stopped_by_cap(campaign, shop), *_without_bound(campaign, shop)]


def _stopped_by_cap(campaign: Campaign, shop: ShopPolicy) -> Iterable[str]:
    for before, step in pairwise(campaign.steps):
        cap, gap = shop.frequency_cap_of(step.policy), step.after - before.after
        if cap is not None and shop.frequency_cap_of(before.policy) is not None and gap < cap:
            yield (
                f"{campaign.campaign_id}: {step.name} is due {spell_duration(gap)} after {before.name}, and the "
                f"frequency cap is {spell_duration(cap)}: it could never go out"
            )


def _without_bound(campaign: Campaign, shop: ShopPolicy) -> Iterable[str]:
    if campaign.once_per_profile or campaign.trigger.name in BOUND_BY_KEY or campaign.reentry >= LEAST_REENTRY:
        return
    loose: list[Step] = [step for step in campaign.steps if shop.frequency_cap_of(step.policy) is None]
    for step in loose:
        yield (
            f"{campaign.campaign_id}: {step.name} could mail the same shopper without bound: the shop has no frequency "
            f"cap and trigger.reentry is {spell_duration(campaign.reentry)}"
        )
