"""The campaigns of a workspace as a preview needs them: one broken file or template does not hide the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.domain.campaign import Campaign, Variant
from campaigns.domain.campaign_file import read_campaign
from campaigns.domain.errors import RekindleError, WrongUsage
from campaigns.pipeline.campaign_files import InvalidCampaigns


@dataclass(frozen=True, slots=True)
class ReadCampaigns:
    """The campaigns that could be read, by id, and one line for each that could not."""

    by_id: Mapping[str, Campaign]
    problems: tuple[str, ...] = field(default=())


def read_campaigns(folder: Path) -> ReadCampaigns:
    """The campaign files of `folder`; their templates are not looked at."""
    found: dict[str, Campaign] = {}
    problems: list[str] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            campaign = read_campaign(path)
        except RekindleError as error:
            problems.extend(str(error).splitlines())
        else:
            found.setdefault(campaign.campaign_id, campaign)
    return ReadCampaigns(found, tuple(problems))


def find_campaign(read: ReadCampaigns, campaign_id: str, step: int = 1) -> Campaign:
    """The campaign of that id with at least `step` steps; raises where there is none."""
    campaign = read.by_id.get(campaign_id)
    if campaign is None and read.problems:
        raise InvalidCampaigns(list(read.problems))
    if campaign is None:
        fix = f"there is {', '.join(sorted(read.by_id)) or 'none: copy one with `rekindle init`, or write one'}"
        raise WrongUsage(f"no campaign {campaign_id!r}", fix=fix)
    if not 1 <= step <= len(campaign.steps):
        raise WrongUsage(f"{campaign_id} has no step {step}", fix=f"give one of 1 to {len(campaign.steps)}")
    return campaign


def find_variant(campaign: Campaign, name: str) -> Variant | None:
    """The variant of that name; None for no name. Raises where the campaign has none called so."""
    if not name:
        return None
    for variant in campaign.variants:
        if variant.name == name:
            return variant
    known = ", ".join(variant.name for variant in campaign.variants)
    fix = f"there is {known}" if known else "it has no variants; leave --variant out"
    raise WrongUsage(f"{campaign.campaign_id} has no variant {name!r}", fix=fix)
