"""Builds the campaign from what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from campaigns.domain.campaign import Campaign, Delivery, Experiment, Policy, SendWindow, Slot, Step, Variant
from campaigns.domain.campaign_values import WEEKDAYS
from campaigns.domain.campaigns_yaml.layout import option_kinds
from campaigns.domain.coupon import CouponRule
from triggers.registry import TRIGGERS
from triggers.trigger import Trigger


def build(read: Mapping[str, Any]) -> Campaign:
    """The campaign of a file in which nothing was wrong."""
    trigger = build_trigger(read["trigger"])
    policy = build_policy(read.get("policy", {}), default_policy(trigger.name))
    reentry = read["trigger"].get("reentry", trigger.default_reentry)
    return Campaign(
        campaign_id=read["id"],
        name=read["name"],
        description=read.get("description", ""),
        trigger=trigger,
        audience=read.get("audience"),
        steps=tuple(_step(step, index, policy) for index, step in enumerate(read["steps"])),
        policy=policy,
        experiment=_experiment(read.get("experiment", {})),
        reentry=reentry or timedelta(0),
        once_per_profile=read["trigger"].get("once_per_profile", False),
    )


def default_policy(trigger_name: str) -> Policy:
    """What a campaign is bound by where its file says nothing: reminders stay silent for a day after any order."""
    quiet = timedelta(hours=24) if trigger_name in REMINDERS else None
    return Policy(priority=_PRIORITY.get(trigger_name, "lifecycle"), after_order=quiet)


REMINDERS: Final = ("abandoned_checkout", "abandoned_cart", "browse_abandonment")
_PRIORITY: Final = {
    "abandoned_checkout": "checkout",
    "abandoned_cart": "cart",
    "price_drop": "product",
    "back_in_stock": "product",
    "browse_abandonment": "browse",
}


def build_trigger(read: Mapping[str, Any]) -> Trigger:
    """The trigger with its options."""
    kind = TRIGGERS[read["type"]]
    given = {name: read[name] for name in option_kinds(kind) if name in read}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def build_policy(read: Mapping[str, Any], base: Policy) -> Policy:
    """`base` with what a policy section says differently."""
    changes = {name: read[name] for name in _SAME_NAME if name in read}
    if "consent" in read:
        changes["needs_consent"] = read["consent"] == "marketing"
    if "delivery" in read:
        changes["delivery"] = Delivery(read["delivery"])
    if "send_hours" in read or "send_days" in read:
        days = read.get("send_days")
        weekdays = frozenset(map(WEEKDAYS.index, days)) if days else frozenset(range(7))
        changes["send_window"] = SendWindow(read.get("send_hours"), weekdays)
    return replace(base, **changes)


_SAME_NAME = ("priority", "quiet_hours", "frequency_cap", "holdout", "after_order", "max_late")


def _step(read: Mapping[str, Any], index: int, policy: Policy) -> Step:
    return Step(
        name=read.get("name", f"step_{index + 1}"),
        after=read["after"],
        template=read["template"],
        slots=tuple(_slot(name, slot) for name, slot in read.get("slots", {}).items()),
        condition=read.get("when"),
        policy=build_policy(read.get("policy", {}), policy),
        coupon=CouponRule(**read["coupon"]) if "coupon" in read else None,
    )


def _slot(name: str, read: Mapping[str, Any]) -> Slot:
    return Slot(
        name=name,
        kind=read["kind"],
        size=read.get("size", 4),
        minimum=read.get("minimum", 1),
        when_short=read.get("when_short", "fold"),
        title=read.get("title", ""),
        options=read.get("rules", {}),
    )


def _experiment(read: Mapping[str, Any]) -> Experiment:
    variants = tuple(
        Variant(variant["name"], variant.get("weight", 1), variant.get("templates", {}))
        for variant in read.get("variants", ())
    )
    return Experiment(read.get("salt", ""), variants)
