"""Campaign files: YAML in, a campaign or a list of problems out; and the JSON Schema that editors complete from."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaigns_yaml.advice import advise
from campaigns.domain.campaigns_yaml.building import build
from campaigns.domain.campaigns_yaml.checks import check_reading, check_sense
from campaigns.domain.campaigns_yaml.condition_kind import condition_schema
from campaigns.domain.campaigns_yaml.editing import edit as edit_campaign
from campaigns.domain.campaigns_yaml.layout import campaign_section
from campaigns.domain.campaigns_yaml.source import CampaignProblems, Problem, Source, load, own_line

__all__ = [
    "CampaignProblems",
    "Problem",
    "campaign_schema",
    "edit_campaign",
    "list_advice",
    "list_problems",
    "parse_campaign",
    "schema_text",
    "step_lines",
]


def parse_campaign(text: str, *, file: str, version: int = 1) -> Campaign:
    """The campaign a file describes. Raises CampaignProblems with a line `file:line: key: what` per problem."""
    campaign, source = _read(text, file)
    if campaign is None or source.problems:
        raise CampaignProblems(source.problems)
    return replace(campaign, version=version)


def list_problems(text: str, *, file: str) -> list[Problem]:
    """Everything that is wrong with a campaign file, by line."""
    return sorted(_read(text, file)[1].problems)


def list_advice(text: str, *, file: str) -> list[Problem]:
    """What works and is unwise in a campaign file, by line; nothing in one with problems."""
    return sorted(_read(text, file)[1].advice)


def read_campaign(path: Path, *, version: int = 1) -> Campaign:
    """The campaign of a file on disk. Raises CampaignProblems, also for a file that is no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "the file is not UTF-8 text"
        raise CampaignProblems([Problem(1, "", f"cannot be read: {what}", str(path))]) from None
    return parse_campaign(text, file=str(path), version=version)


def step_lines(text: str) -> list[int]:
    """The line of each step of a campaign file that reads well."""
    tree = load(text, Source(""))
    return [own_line(step) for step in tree["steps"]] if tree is not None else []


def campaign_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of campaign files."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rekindle campaign",
        **campaign_section().schema(),
        "$defs": {"condition": condition_schema()},
    }


def schema_text() -> str:
    """The JSON Schema as it is published in campaigns/library/campaign.schema.json."""
    return json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n"


def _read(text: str, file: str) -> tuple[Campaign | None, Source]:
    source = Source(file)
    tree = load(text, source)
    if tree is None:
        return None, source
    read = campaign_section().read(tree, source, 1, "")
    check_reading(tree, read, source)
    if source.problems:
        return None, source
    campaign = build(read)
    check_sense(campaign, tree, source)
    if not source.problems:
        advise(campaign, tree, source)
    return campaign, source


if __name__ == "__main__":
    sys.stdout.write(schema_text())
