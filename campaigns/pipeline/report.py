"""Report: what a campaign did and what it earned - what preceded an order, and apart from it what was caused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    ratio: RatioCheck | None
    conversion: Lift | NotEnoughData
    revenue: Lift | NotEnoughData
    least_lift: float

    @property
    def incremental_minor(self) -> float | None:
        """Revenue that mailing caused: the difference in a profile times the profiles mailed."""
        return self.revenue.difference * self.mailed.profiles if isinstance(self.revenue, Lift) else None

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
    with transaction(engine.database) as connection:
        current = engine.campaigns.read(connection).current
        campaign = current.get(campaign_id)
        if campaign is None:
            known = ", ".join(sorted(current)) or "none"
            raise WrongUsage(f"no campaign {campaign_id!r} is in force", fix=f"there is {known}")
        until = min(engine.now(connection), last_decided_at(connection, campaign_id) or engine.now(connection))
        until += timedelta(microseconds=1)
        period = Period(campaign_id, until - length, until)
        window = engine.settings.attribution.click_window or _DEFAULT_WINDOW
        share, steps = held_out(engine, campaign)
        sums = sum_arms(connection, period, steps, window) if steps else {}
        mailed, ghosts = arm_of(sums.get("send")), arm_of(sums.get("ghost"))
        orders, revenue = sum_attributed(connection, period, window)
        entered, profiles = count_entered(connection, period)
        return Report(
            campaign=campaign,
            since=period.since,
            until=until,
            window=window,
            currency=engine.settings.shop.currency,
            entered=entered,
            entered_profiles=profiles,
            outcomes=count_outcomes(connection, period),
            funnel=read_funnel(connection, period),
            attributed_orders=orders,
            attributed_minor=revenue,
            share=share,
            mailed=mailed,
            ghosts=ghosts,
            ratio=check_ratio(mailed.profiles, ghosts.profiles, share) if 0 < share < 1 else None,
            conversion=conversion_lift(mailed, ghosts),
            revenue=revenue_lift(mailed, ghosts),
            least_lift=minimum_detectable_lift(ghosts.rate, mailed.profiles, ghosts.profiles),
        )


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
