"""What a campaign may do and had better not: shown as warnings, refused by nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaigns_yaml.source import Source, line_of

CART_TRIGGERS: Final = ("abandoned_cart", "abandoned_checkout")


def advise(campaign: Campaign, tree: Mapping[str, Any], source: Source) -> None:
    """Notes advice about a campaign without problems."""
    for index, step in enumerate(campaign.steps):
        if step.coupon is None:
            continue
        line, key = line_of(tree["steps"][index], "coupon"), f"steps[{index}].coupon"
        if index == 0 and campaign.trigger.name in CART_TRIGGERS:
            what = "no discount in the first mail about a cart: most who come back would pay in full, and shoppers "
            source.advise(line, key, what + "learn to leave carts behind; give it in a later step")
        if campaign.trigger.name == "post_purchase" and not step.policy.needs_consent:
            what = "a coupon makes this mail marketing, and it goes out without consent; "
            source.advise(line, key, what + "set consent: marketing, or leave the coupon to a later step")
