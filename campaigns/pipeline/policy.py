"""Settings and rows as the pure floor of decisions takes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.config import Settings
from campaigns.decisions.candidate import ShopPolicy
from campaigns.domain.campaign_values import Hours
from campaigns.domain.profile import Profile
from campaigns.domain.suppression import Suppression, SuppressionReason
from campaigns.storage.profiles import ProfileRow
from triggers.state import ProfileState

LONGEST_CAP: Final = timedelta(days=31)
"""No frequency cap looks further back."""


def shop_policy(settings: Settings) -> ShopPolicy:
    """The limits all campaigns share. Draws are salted with the shop's id, which never changes."""
    policy = settings.policy
    quiet = policy.quiet_hours
    return ShopPolicy(
        zone=settings.shop.zone,
        quiet_hours=Hours(quiet.start, quiet.end) if quiet else None,
        frequency_cap=policy.frequency_cap,
        holdout_share=policy.holdout_share,
        salt=settings.shop.id,
    )


def profile_of(row: ProfileRow, state: ProfileState, consented: bool | None) -> Profile:
    """A stored profile as decisions see it."""
    traits = dict(row.traits or {})
    return Profile(
        profile_id=str(row.profile_id),
        email=row.email or "",
        first_name=_text(traits.get("first_name")),
        last_name=_text(traits.get("last_name")),
        zone=row.zone or "",
        locale=row.locale or "",
        consented=consented,
        traits=traits,
        segments=frozenset(str(name) for name in traits.get("segments") or () if isinstance(name, str)),
        merged_ids=tuple(state.merged_ids),
        merged_arms=row.merged_arms,
        assignment_key=row.drawn_by,
    )


def suppressions_of(found: Mapping[str, Mapping[str, str]], now: datetime) -> dict[str, list[Suppression]]:
    """address -> its suppressions, from {address: {scope: reason}}."""
    return {
        address: [Suppression(address, SuppressionReason(reason), now, scope) for scope, reason in scopes.items()]
        for address, scopes in found.items()
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
