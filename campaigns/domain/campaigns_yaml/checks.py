"""Whether a campaign makes sense: what can never fire, contradicts itself or mails without bound is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_values import spell_duration
from campaigns.domain.campaigns_yaml.layout import option_kinds
from campaigns.domain.campaigns_yaml.source import Source, line_of, nearest, own_line
from triggers.registry import TRIGGERS


def check_reading(tree: Mapping[str, Any], read: Mapping[str, Any], source: Source) -> None:
    """What can be told before the campaign is built: options of another trigger."""
    section, trigger = tree.get("trigger"), read.get("trigger", {})
    if not isinstance(section, dict) or "type" not in trigger:
        return
    allowed = option_kinds(TRIGGERS[trigger["type"]])
    known = ("type", "reentry", "once_per_profile", *allowed)
    for name in section:
        if name in trigger and name not in known:
            what = f"is no option of {trigger['type']}{nearest(name, known)}; allowed: {', '.join(known)}"
            source.note(line_of(section, name), f"trigger.{name}", what)


def check_sense(campaign: Campaign, tree: Mapping[str, Any], source: Source) -> None:
    """What can be told of a campaign that reads well."""
    _check_steps(campaign, tree, source)
    _check_variants(campaign, tree, source)


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
