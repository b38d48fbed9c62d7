"""Sticky draws: the same shopper always falls to the same side, and draws with different salts know nothing of each
other. sha256 because cheaper hashes (crc32, FNV) make layers with related salts dependent."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from campaigns.domain.campaign import Campaign, Variant

_SPACE: Final = float(2**53)


def draw(salt: str, profile_id: str) -> float:
    """A number in [0, 1), uniform over profiles, the same at every call and on every machine."""
    digest = sha256(f"{len(salt)}:{salt}{profile_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / _SPACE


def holdout_salt(shop_salt: str, campaign: Campaign) -> str:
    """The salt of a campaign's holdout; campaigns with the same experiment salt hold out the same shoppers."""
    return f"{shop_salt}/holdout/{campaign.experiment.salt or campaign.campaign_id}"


def variant_salt(shop_salt: str, campaign: Campaign) -> str:
    """The salt of a campaign's variants."""
    return f"{shop_salt}/variant/{campaign.experiment.salt or campaign.campaign_id}"


def is_held_out(shop_salt: str, campaign: Campaign, profile_id: str, share: float) -> bool:
    """Whether the shopper belongs to the `share` (0 to 1) that gets no mail of the campaign. A larger share only adds
    shoppers."""
    return share > 0 and draw(holdout_salt(shop_salt, campaign), profile_id) < share


def pick_variant(shop_salt: str, campaign: Campaign, profile_id: str) -> Variant | None:
    """The shopper's variant, drawn by weight; None where the campaign has none."""
    variants = campaign.experiment.variants
    return _by_weight(variants, draw(variant_salt(shop_salt, campaign), profile_id)) if variants else None


def merges_arms(shop_salt: str, campaigns: Sequence[Campaign], profile_ids: Sequence[str], share: float) -> bool:
    """Whether identities that turned out to be one person had been in different arms of any campaign."""
    return any(_arms(shop_salt, campaign, profile_ids, share) > 1 for campaign in campaigns)


def _arms(shop_salt: str, campaign: Campaign, profile_ids: Sequence[str], share: float) -> int:
    arms = set()
    for profile_id in profile_ids:
        variant = pick_variant(shop_salt, campaign, profile_id)
        held_out = is_held_out(shop_salt, campaign, profile_id, share)
        arms.add("holdout" if held_out else variant.name if variant else "")
    return len(arms)


def _by_weight(variants: Sequence[Variant], at: float) -> Variant:
    left = at * sum(variant.weight for variant in variants)
    for variant in variants:
        left -= variant.weight
        if left < 0:
            return variant
    return variants[-1]
