"""Report: what a campaign did and what it earned - what preceded an order, and apart from it what was caused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.errors import WrongUsage
from campaigns.measurement.arms import Arm
from campaigns.measurement.lift import (
    ENOUGH_BUYERS,
    Lift,
    NotEnoughData,
    conversion_lift,
    minimum_detectable_lift,
    revenue_lift,
)
from campaigns.measurement.ratio import RatioCheck, check_ratio
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.policy import shop_policy
from campaigns.storage.coupons import CouponSums, sum_coupons
from campaigns.storage.database import transaction
from campaigns.storage.measures import (
    ArmSums,
    Period,
    StepFunnel,
    count_entered,
    count_outcomes,
    last_decided_at,
    read_funnel,
    sum_arms,
    sum_attributed,
)

_DEFAULT_WINDOW = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Report:
    """One campaign over a period. `share` is the part held out; 0 where the campaign holds nobody out, or where steps
    differ in it, so that no lift can be told."""

    campaign: Campaign
    since: datetime
    until: datetime
    window: timedelta
    currency: str
    entered: int
    entered_profiles: int
    outcomes: list[tuple[str, str, int]]
    funnel: list[StepFunnel]
    attributed_orders: int
    attributed_minor: int
    share: float
    mailed: Arm
    ghosts: Arm
    coupons: list[CouponSums] = field(default_factory=list)

    @property
    def ratio(self) -> RatioCheck | None:
        """Whether the groups are as drawn; None where nobody is held out."""
        if not 0 < self.share < 1:
            return None
        return check_ratio(self.mailed.profiles, self.ghosts.profiles, self.share)

    @property
    def conversion(self) -> Lift | NotEnoughData:
        """How many more bought because of the mails."""
        return conversion_lift(self.mailed, self.ghosts)

    @property
    def revenue(self) -> Lift | NotEnoughData:
        """How much more a shopper spent because of the mails."""
        return revenue_lift(self.mailed, self.ghosts)

    @property
    def least_lift(self) -> float:
        """The least lift of conversion that groups of this size would show; nan where no held out shopper bought."""
        return minimum_detectable_lift(self.ghosts.rate, self.mailed.profiles, self.ghosts.profiles)

    @property
    def incremental_minor(self) -> float | None:
        """Revenue that mailing caused: the difference in a profile times the profiles mailed."""
        lift = self.revenue
        return lift.difference * self.mailed.profiles if isinstance(lift, Lift) else None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "campaign": self.campaign.campaign_id,
            "since": self.since,
            "until": self.until,
            "window_seconds": self.window.total_seconds(),
            "currency": self.currency,
            "entered": {"enrollments": self.entered, "profiles": self.entered_profiles},
            "decisions": [{"outcome": o, "reason": r, "count": n} for o, r, n in self.outcomes],
            "mails": [asdict(step) for step in self.funnel],
            "attributed": {"orders": self.attributed_orders, "revenue_minor": self.attributed_minor},
            "coupons": [one._asdict() for one in self.coupons],
            "groups": {
                "share_held_out": self.share,
                "mailed": asdict(self.mailed),
                "ghosts": asdict(self.ghosts),
                "sample_ratio": asdict(self.ratio) | {"fine": self.ratio.is_fine} if self.ratio else None,
            },
            "lift": {
                "conversion": _lift_json(self.conversion),
                "revenue": _lift_json(self.revenue),
                "incremental_revenue_minor": self.incremental_minor,
                "least_detectable_conversion_lift": None if self.least_lift != self.least_lift else self.least_lift,
            },
        }


def report(engine: Engine, campaign_id: str, *, length: timedelta) -> Report:
    """Reports the last `length` of a campaign, up to its last decision or now, whatever is earlier."""
    window = engine.settings.attribution.click_window or _DEFAULT_WINDOW
    with transaction(engine.database) as connection:
        campaign = _find(engine.campaigns.read(connection).current, campaign_id)
        now = engine.now(connection)
        until = min(now, last_decided_at(connection, campaign_id) or now) + timedelta(microseconds=1)
        period = Period(campaign_id, until - length, until)
        share, steps = held_out(engine, campaign)
        sums = sum_arms(connection, period, steps, window) if steps else {}
        orders, revenue = sum_attributed(connection, period, window)
        entered, profiles = count_entered(connection, period)
        outcomes, funnel = count_outcomes(connection, period), read_funnel(connection, period)
        coupons = sum_coupons(connection, campaign_id, period.since, period.until)
    groups = (arm_of(sums.get("send")), arm_of(sums.get("ghost")))
    seen = (campaign, period.since, until, window, engine.settings.shop.currency)
    return Report(*seen, entered, profiles, outcomes, funnel, orders, revenue, share, *groups, coupons)


def _find(current: Mapping[str, Campaign], campaign_id: str) -> Campaign:
    if campaign_id not in current:
        known = ", ".join(sorted(current)) or "none"
        raise WrongUsage(f"no campaign {campaign_id!r} is in force", fix=f"there is {known}")
    return current[campaign_id]


def held_out(engine: Engine, campaign: Campaign) -> tuple[float, list[int]]:
    """(share, steps from 1) that hold shoppers out; no steps where their shares differ."""
    shop = shop_policy(engine.settings)
    shares = {n: shop.holdout_of(step.policy) for n, step in enumerate(campaign.steps, start=1)}
    drawn = {share for share in shares.values() if share > 0}
    if len(drawn) != 1:
        return 0.0, []
    return drawn.pop(), [n for n, share in shares.items() if share > 0]


def arm_of(sums: ArmSums | None) -> Arm:
    """Sums as statistics take them."""
    if sums is None:
        return Arm()
    return Arm(sums.profiles, sums.buyers, sums.orders, sums.revenue, sums.revenue_squares)


def _lift_json(lift: Lift | NotEnoughData) -> dict[str, Any]:
    if isinstance(lift, NotEnoughData):
        return {
            "enough": False,
            "mailed_buyers": lift.mailed_buyers,
            "ghost_buyers": lift.ghost_buyers,
            "needed": ENOUGH_BUYERS,
        }
    return {"enough": True, **asdict(lift)}
