"""What a decision is made from: one due step of one enrollment, the shopper, and the shop's policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaigns.domain.campaign import SHOP, Campaign, Policy, Step
from campaigns.domain.campaign_values import Hours
from campaigns.domain.enrollment import EnrollmentMark
from campaigns.domain.profile import Profile
from campaigns.domain.suppression import Suppression
from triggers.state import ProfileState


@dataclass(frozen=True, slots=True)
class ShopPolicy:
    """The shop's settings that decisions heed. None switches a limit off.

    With `requires_opt_in` a profile that nobody ever asked gets no marketing mail; a refusal always counts."""

    zone: str = "UTC"
    quiet_hours: Hours | None = None
    frequency_cap: timedelta | None = timedelta(hours=16)
    holdout_share: float = 0.10
    salt: str = ""
    requires_opt_in: bool = False

    def quiet_hours_of(self, policy: Policy) -> Hours | None:
        """The quiet hours a step keeps."""
        return self.quiet_hours if policy.quiet_hours == SHOP else policy.quiet_hours

    def frequency_cap_of(self, policy: Policy) -> timedelta | None:
        """The least time between two mails a step keeps."""
        return self.frequency_cap if policy.frequency_cap == SHOP else policy.frequency_cap

    def holdout_of(self, policy: Policy) -> float:
        """The share held out of a step, 0 to 1."""
        return self.holdout_share if policy.holdout == SHOP else policy.holdout or 0.0


@dataclass(frozen=True, slots=True)
class PastSend:
    """A mail (or ghost) of the past that took up the frequency cap."""

    campaign_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rival:
    """Another live enrollment of the same profile that wants to write too. `due_at` is when it really is due."""

    campaign_id: str
    key: str
    rank: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """One due step. `exit_reason` is set where the state says that the reason to write is gone; `past_sends` are those
    that count for the frequency cap; `suppressions` are those of the profile's address."""

    campaign: Campaign
    mark: EnrollmentMark
    due_at: datetime
    profile: Profile
    state: ProfileState
    exit_reason: str = ""
    twin: str = ""
    """The other profile under which the same address got mail of this campaign and key, where there is one."""
    suppressions: Sequence[Suppression] = ()
    past_sends: Sequence[PastSend] = ()
    rivals: Sequence[Rival] = ()
    categories: Mapping[str, str] = field(default_factory=dict)
    """Product id to category, for conditions; lines that carry their category need none."""

    @property
    def step(self) -> Step:
        """The step to decide."""
        return self.campaign.steps[self.mark.step]


def counted_sends(
    sends: Iterable[tuple[str, int, datetime]], campaigns: Mapping[str, Campaign], shop: ShopPolicy
) -> list[PastSend]:
    """The (campaign id, step, decided at) that take up the frequency cap: those of steps that keep one.

    A campaign that is no longer known counts."""
    return [PastSend(campaign_id, at) for campaign_id, step, at in sends if _counts(campaigns, shop, campaign_id, step)]


def _counts(campaigns: Mapping[str, Campaign], shop: ShopPolicy, campaign_id: str, step: int) -> bool:
    campaign = campaigns.get(campaign_id)
    if campaign is None or step >= len(campaign.steps):
        return True
    return shop.frequency_cap_of(campaign.steps[step].policy) is not None
