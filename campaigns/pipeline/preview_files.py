"""The campaigns of a workspace as a preview needs them: one broken file or template does not hide the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from campaigns.domain.campaign import Campaign, Variant
from campaigns.domain.campaign_file import read_campaign
from campaigns.domain.errors import RekindleError, WrongUsage
from campaigns.pipeline.campaign_files import InvalidCampaigns

DRAFTS: Final = "drafts"
"""The folder beside the campaigns whose files nothing runs, and a preview shows."""


@dataclass(frozen=True, slots=True)
class ReadCampaigns:
    """The campaigns that could be read, by id, and one line for each that could not. `drafts` are those of the
    folder `drafts/`, which nothing runs."""

    by_id: Mapping[str, Campaign]
    problems: tuple[str, ...] = field(default=())
    drafts: Mapping[str, Campaign] = field(default_factory=dict)

    def find(self, campaign_id: str) -> Campaign | None:
        """The campaign of that id, or the draft; None where there is neither."""
        return self.by_id.get(campaign_id) or self.drafts.get(campaign_id)


def read_campaigns(folder: Path) -> ReadCampaigns:
    """The campaign files of `folder`; their templates are not looked at."""
    found, problems = _read(folder)
    drafts, _ = _read(folder / DRAFTS)  # unfinished ones are nobody's problem
    return ReadCampaigns(found, tuple(problems), {name: each for name, each in drafts.items() if name not in found})


def _read(folder: Path) -> tuple[dict[str, Campaign], list[str]]:
    found: dict[str, Campaign] = {}
    problems: list[str] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            seen = path.stat()
            campaign = _read_once(path, seen.st_mtime_ns, seen.st_size)
        except OSError:  # gone since it was listed
            continue
        if isinstance(campaign, RekindleError):
            problems.extend(str(campaign).splitlines())
        else:
            found.setdefault(campaign.campaign_id, campaign)
    return found, problems


@lru_cache(maxsize=512)
def _read_once(path: Path, changed_at: int, size: int) -> Campaign | RekindleError:
    """Parsed once for each state of the file: an app that draws anew at every save must not wait for YAML."""
    try:
        return read_campaign(path)
    except RekindleError as error:
        return error


def find_campaign(read: ReadCampaigns, campaign_id: str, step: int = 1) -> Campaign:
    """The campaign or draft of that id with at least `step` steps; raises where there is none."""
    campaign = read.find(campaign_id)
    if campaign is None and read.problems:
        raise InvalidCampaigns(list(read.problems))
    if campaign is None:
        known = [*sorted(read.by_id), *(f"{name} (a draft)" for name in sorted(read.drafts))]
        fix = f"there is {', '.join(known) or 'none: copy one with `rekindle init`, or write one'}"
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
