"""Whether a campaign makes sense: what can never fire, contradicts itself or mails without bound is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from typing import Any, Final

from campaigns.domain.campaign import Campaign, Step
from campaigns.domain.campaign_condition import FieldTest, Group
from campaigns.domain.campaign_values import Hours, spell_duration
from campaigns.domain.campaigns_yaml.contradictions import find_contradiction
from campaigns.domain.campaigns_yaml.layout import option_kinds
from campaigns.domain.campaigns_yaml.source import Source, line_of, nearest, own_line
from triggers.abandoned_cart import AbandonedCart
from triggers.abandoned_checkout import AbandonedCheckout
from triggers.browse_abandonment import BrowseAbandonment
from triggers.custom_event import ENDABLE, CustomEvent
from triggers.post_purchase import PostPurchase
from triggers.registry import TRIGGERS
from triggers.replenishment import Replenishment
from triggers.state import MAX_ORDERS, MAX_VIEWS, WELL_KNOWN
from triggers.welcome import Welcome
from triggers.win_back import WinBack


def check_reading(tree: Mapping[str, Any], read: Mapping[str, Any], source: Source) -> None:
    """What can be told before the campaign is built: options of another trigger."""
    section, trigger = tree.get("trigger"), read.get("trigger", {})
    if not isinstance(section, dict) or "type" not in trigger:
        return
    allowed = option_kinds(TRIGGERS[trigger["type"]])
    known = ("type", "reentry", "once_per_profile", *allowed)
    if trigger["type"] == CustomEvent.name:
        _check_custom(section, trigger, source)
    for name in section:
        if name in trigger and name not in known:
            what = f"is no option of {trigger['type']}{nearest(name, known)}; allowed: {', '.join(known)}"
            source.note(line_of(section, name), f"trigger.{name}", what)


def _check_custom(section: Mapping[str, Any], trigger: Mapping[str, Any], source: Source) -> None:
    if "starts_on" not in section:
        source.note(own_line(section), "trigger.starts_on", "is missing: the names of the events that start it")
    for name in trigger.get("starts_on", ()):
        if name in WELL_KNOWN:
            what = f'"{name}" has a trigger of its own; custom_event starts on the shop\'s other events'
            source.note(line_of(section, "starts_on"), "trigger.starts_on", what)
    for name in trigger.get("stops_on", ()):
        if name in WELL_KNOWN and name not in ENDABLE:
            what = f'"{name}" cannot end it; of the well-known events {", ".join(ENDABLE)} can'
            source.note(line_of(section, "stops_on"), "trigger.stops_on", what)


def check_sense(campaign: Campaign, tree: Mapping[str, Any], source: Source) -> None:
    """What can be told of a campaign that reads well."""
    _check_steps(campaign, tree, source)
    _check_variants(campaign, tree, source)
    _check_conditions(campaign, tree, source)
    for index, step in enumerate(campaign.steps):
        line = own_line(tree["steps"][index])
        for what in (*_never_out(campaign, step, index), *_without_bound(campaign, step)):
            source.note(line, f"steps[{index}]", what)


def _check_steps(campaign: Campaign, tree: Mapping[str, Any], source: Source) -> None:
    steps = tree["steps"]
    names: set[str] = set()
    before = timedelta(0)
    for index, step in enumerate(campaign.steps):
        key, node = f"steps[{index}]", steps[index]
        if step.name in names:
            source.note(line_of(node, "name"), f"{key}.name", f'"{step.name}" occurs twice')
        names.add(step.name)
        if index and step.after <= before:
            what = f"{spell_duration(step.after)} must be later than the step before it ({spell_duration(before)})"
            source.note(line_of(node, "after"), f"{key}.after", what)
        before = step.after
        for slot in step.slots:
            if slot.minimum > slot.size:
                what = f"needs at least {slot.minimum} products and takes at most {slot.size}: it could never be filled"
                source.note(line_of(node["slots"], slot.name), f"{key}.slots.{slot.name}", what)


def _check_variants(campaign: Campaign, tree: Mapping[str, Any], source: Source) -> None:
    names = {step.name for step in campaign.steps}
    seen: set[str] = set()
    for index, variant in enumerate(campaign.experiment.variants):
        key, node = f"experiment.variants[{index}]", tree["experiment"]["variants"][index]
        if variant.name in seen:
            source.note(own_line(node), f"{key}.name", f'"{variant.name}" occurs twice')
        seen.add(variant.name)
        for step in variant.templates:
            if step not in names:
                what = f"there is no such step{nearest(step, names)}; steps: {', '.join(sorted(names))}"
                source.note(line_of(node["templates"], step), f"{key}.templates.{step}", what)


def _check_conditions(campaign: Campaign, tree: Mapping[str, Any], source: Source) -> None:
    implied = _implied(campaign)
    reason = find_contradiction(campaign.audience, implied)
    if reason:
        source.note(line_of(tree, "audience"), "audience", f"nobody can ever be in it: {reason}")
    for index, step in enumerate(campaign.steps):
        both = [one for one in (campaign.audience, step.condition) if one is not None]
        reason = "" if step.condition is None or reason else find_contradiction(Group("all", tuple(both)), implied)
        if reason:
            line = line_of(tree["steps"][index], "when")
            source.note(line, f"steps[{index}].when", f"this step could never go out: {reason}")


def _implied(campaign: Campaign) -> list[FieldTest]:
    """What the trigger itself makes sure of, and what no state can hold more or less of."""
    return [*_BOUNDS, *_implied_by(campaign)]


_ALWAYS_COUNTED: Final = (
    "cart.items",
    "cart.total_minor",
    "order.items",
    "session.views",
    "orders.count",
    "orders.total_minor",
    "views.count",
)
_BOUNDS: Final = (
    *(FieldTest(name, "at_least", 0) for name in _ALWAYS_COUNTED),
    FieldTest("orders.count", "at_most", MAX_ORDERS),
    FieldTest("views.count", "at_most", MAX_VIEWS),
)


def _implied_by(campaign: Campaign) -> list[FieldTest]:
    trigger = campaign.trigger
    if isinstance(trigger, (AbandonedCart, AbandonedCheckout)):
        return [FieldTest("cart.items", "at_least", 1)]
    if isinstance(trigger, BrowseAbandonment):
        return [
            FieldTest("session.views", "at_least", trigger.min_views),
            FieldTest("orders.last", "longer_ago_than", trigger.no_order_for),
        ]
    if isinstance(trigger, Welcome) and trigger.until_first_order:
        return [FieldTest("orders.count", "is", 0), FieldTest("profile.is_customer", "is", False)]
    if isinstance(trigger, (PostPurchase, Replenishment, WinBack)):
        bought = [FieldTest("orders.count", "at_least", 1), FieldTest("profile.is_customer", "is", True)]
        if isinstance(trigger, WinBack):
            bought.append(FieldTest("orders.last", "longer_ago_than", campaign.steps[0].after - timedelta(hours=1)))
        return bought
    return []


def _never_out(campaign: Campaign, step: Step, index: int) -> Iterable[str]:
    policy, hours = step.policy, step.policy.quiet_hours
    window = policy.send_window.hours if policy.send_window else None
    if isinstance(hours, Hours) and window is not None and lies_within(window, hours):
        yield f"it could never go out: send_hours {window} lie within quiet_hours {hours}"
    if campaign.trigger.name in FROM_ORDER and policy.after_order is not None and step.after < policy.after_order:
        quiet, after = spell_duration(policy.after_order), spell_duration(step.after)
        yield f"it could never go out: it is due {after} after an order, and after_order keeps {quiet} free of mail"
    if index and isinstance(policy.frequency_cap, timedelta):
        gap = step.after - campaign.steps[index - 1].after
        before = campaign.steps[index - 1]
        if before.policy.frequency_cap is not None and before.condition is None and gap < policy.frequency_cap:
            cap = spell_duration(policy.frequency_cap)
            yield f"never out: due {spell_duration(gap)} after the step before, and frequency_cap is {cap}"


def lies_within(inner: Hours, outer: Hours) -> bool:
    """Whether all of some hours of the day belong to others."""
    minutes = (time(minute // 60, minute % 60) for minute in range(0, 24 * 60, 5))
    return all(minute in outer for minute in minutes if minute in inner)


def _without_bound(campaign: Campaign, step: Step) -> Iterable[str]:
    is_bound = campaign.once_per_profile or campaign.trigger.name in BOUND_BY_KEY
    if not is_bound and step.policy.frequency_cap is None and campaign.reentry < LEAST_REENTRY:
        yield (
            "it could mail the same shopper without bound: frequency_cap is off and trigger.reentry is "
            f"{spell_duration(campaign.reentry)}; give one of them at least {spell_duration(LEAST_REENTRY)}"
        )


FROM_ORDER: Final = ("post_purchase", "replenishment", "win_back")
BOUND_BY_KEY: Final = (*FROM_ORDER, "welcome")
"""Triggers whose key is an order or the profile itself: what a shopper does in the shop bounds the mails."""
LEAST_REENTRY: Final = timedelta(hours=1)
