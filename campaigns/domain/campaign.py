"""The campaign: trigger + audience + steps + policy + experiment, versioned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Literal

from campaigns.domain.campaign_condition import Condition
from campaigns.domain.campaign_values import Hours
from campaigns.domain.coupon import CouponRule
from triggers.rules import Rule
from triggers.trigger import Trigger

PRIORITIES: Final = ("checkout", "cart", "product", "browse", "lifecycle")
"""Who goes first when several campaigns want to write to one profile, best first."""

SHOP: Final = "shop"
"""In a policy: whatever the shop's settings say."""


class Delivery(StrEnum):
    """What to do with a mail nobody knows the fate of: leave it, or risk sending it twice."""

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


@dataclass(frozen=True, slots=True)
class SendWindow:
    """The hours and weekdays (0 = Monday) of the profile's zone in which a campaign may send."""

    hours: Hours | None = None
    weekdays: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for recommendations. `kind` is the way of choosing; with fewer than `minimum` products the block is
    left out (`fold`) or the mail is not sent (`skip`). `options` go to the recommender as they are."""

    name: str
    kind: str
    size: int = 4
    minimum: int = 1
    when_short: Literal["fold", "skip"] = "fold"
    title: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a step is bound by. None switches a limit off; `"shop"` takes the shop's setting.

    `after_order` is how long after any order of the profile nothing goes out. `max_late` is how long after it was
    due a mail may still go out. A step without frequency cap neither waits for others nor takes up the cap."""

    priority: str = "lifecycle"
    quiet_hours: Hours | Literal["shop"] | None = SHOP
    frequency_cap: timedelta | Literal["shop"] | None = SHOP
    holdout: float | Literal["shop"] | None = SHOP
    after_order: timedelta | None = None
    max_late: timedelta | None = timedelta(hours=24)
    send_window: SendWindow | None = None
    needs_consent: bool = True
    delivery: Delivery = Delivery.AT_MOST_ONCE

    @property
    def rank(self) -> int:
        """Smaller goes first."""
        return PRIORITIES.index(self.priority)


@dataclass(frozen=True, slots=True)
class Variant:
    """A version of the campaign's mails, drawn with `weight` in proportion to the others."""

    name: str
    weight: int = 1
    templates: Mapping[str, str] = field(default_factory=dict)
    """Step name to the template this variant uses instead."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Salts of the sticky draws. Campaigns that share a salt draw the same shoppers."""

    salt: str = ""
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of a campaign. `after` of the first step is the wait after the last activity; of later steps the time
    since the moment of abandonment."""

    name: str
    after: timedelta
    template: str
    slots: tuple[Slot, ...] = ()
    condition: Condition | None = None
    policy: Policy = field(default_factory=Policy)
    coupon: CouponRule | None = None

    def template_for(self, variant: Variant | None) -> str:
        """The template to render for a variant."""
        return self.template if variant is None else variant.templates.get(self.name, self.template)


@dataclass(frozen=True)
class Campaign:
    """One campaign as it stands in a file, with the version under which it was applied."""

    campaign_id: str
    name: str
    trigger: Trigger
    steps: tuple[Step, ...]
    audience: Condition | None = None
    policy: Policy = field(default_factory=Policy)
    experiment: Experiment = field(default_factory=Experiment)
    reentry: timedelta = timedelta(0)
    once_per_profile: bool = False
    description: str = ""
    version: int = 1

    def rule(self, *, is_paused: bool = False) -> Rule:
        """What timers need to know of it."""
        delays = tuple(step.after for step in self.steps)
        return Rule(
            self.campaign_id, self.trigger, delays, self.version, self.reentry, self.once_per_profile, is_paused
        )

    @cached_property
    def live_rule(self) -> Rule:
        """The rule while the campaign is not paused."""
        return self.rule()

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The versions that are mailed; without an experiment there is one, nameless."""
        return self.experiment.variants

    @cached_property
    def templates(self) -> frozenset[str]:
        """All templates it may render."""
        own = {step.template for step in self.steps}
        return frozenset(own.union(*(variant.templates.values() for variant in self.experiment.variants)))
