"""Sticky draws: the same shopper always falls to the same side, and draws with different salts know nothing of each
other. sha256 because cheaper hashes (crc32, FNV) make layers with related salts dependent."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from campaigns.decisions.candidate import ShopPolicy
from campaigns.domain.campaign import Campaign, Variant

_SPACE: Final = float(2**53)


def assignment_key(kind: str, value: str) -> str:
    """What a shopper's draws are made from: the first id the shopper was known by (kind and value), hashed. It depends
    on no order of arrival and on no database."""
    return sha256(f"{kind}\x00{value}".encode("utf-8", "replace")).hexdigest()[:24]


def draw(salt: str, key: str) -> float:
    """A number in [0, 1), uniform over shoppers (by assignment key), the same at every call and on every machine."""
    digest = sha256(f"{len(salt)}:{salt}{key}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / _SPACE


def holdout_salt(shop_salt: str, campaign: Campaign) -> str:
    """The salt of a campaign's holdout; campaigns with the same experiment salt hold out the same shoppers."""
    return f"{shop_salt}/holdout/{campaign.experiment.salt or campaign.campaign_id}"


def variant_salt(shop_salt: str, campaign: Campaign) -> str:
    """The salt of a campaign's variants."""
    return f"{shop_salt}/variant/{campaign.experiment.salt or campaign.campaign_id}"


def is_held_out(shop_salt: str, campaign: Campaign, key: str, share: float) -> bool:
    """Whether the shopper belongs to the `share` (0 to 1) that gets no mail of the campaign. A larger share only adds
    shoppers."""
    return share > 0 and draw(holdout_salt(shop_salt, campaign), key) < share


def pick_variant(shop_salt: str, campaign: Campaign, key: str) -> Variant | None:
    """The shopper's variant, drawn by weight; None where the campaign has none."""
    variants = campaign.experiment.variants
    return _by_weight(variants, draw(variant_salt(shop_salt, campaign), key)) if variants else None


def merges_arms(shop: ShopPolicy, campaigns: Sequence[Campaign], keys: Sequence[str]) -> bool:
    """Whether identities that turned out to be one person had been in different arms of any campaign."""
    shares = [(campaign, {shop.holdout_of(step.policy) for step in campaign.steps}) for campaign in campaigns]
    return any(_arms(shop.salt, campaign, keys, share) > 1 for campaign, held in shares for share in held)


def _arms(shop_salt: str, campaign: Campaign, keys: Sequence[str], share: float) -> int:
    arms = set()
    for key in keys:
        variant = pick_variant(shop_salt, campaign, key)
        held_out = is_held_out(shop_salt, campaign, key, share)
        arms.add("holdout" if held_out else variant.name if variant else "")
    return len(arms)


def _by_weight(variants: Sequence[Variant], at: float) -> Variant:
    left = at * sum(variant.weight for variant in variants)
    for variant in variants:
        left -= variant.weight
        if left < 0:
            return variant
    return variants[-1]
