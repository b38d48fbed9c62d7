"""Everything a campaign can send, as a list of previews to look at side by side or to compare with yesterday's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaigns.domain.campaign import Campaign
from campaigns.domain.errors import InvalidInput
from campaigns.pipeline.preview import Preview, Studio, Wanted
from campaigns.pipeline.preview_people import EVERYTHING
from campaigns.rendering import TemplateProblem


@dataclass(frozen=True, slots=True)
class Choice:
    """Which mails of a campaign: an empty tuple of variants or steps means all there are."""

    steps: tuple[int, ...] = ()
    variants: tuple[str, ...] = ()
    personas: tuple[str, ...] = (EVERYTHING,)
    locales: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Cell:
    """One mail of a sheet: `key` names it among all of its campaign, `problem` says why there is no preview."""

    wanted: Wanted
    key: str
    title: str
    preview: Preview | None = None
    problem: str = ""


def wanted_mails(campaign: Campaign, choice: Choice) -> Iterator[Wanted]:
    """Steps by variants by persons by locales; variants that share a template with another are shown all the same."""
    variants = choice.variants or tuple(variant.name for variant in campaign.variants) or ("",)
    for step in choice.steps or range(1, len(campaign.steps) + 1):
        for variant in variants:
            for persona in choice.personas:
                for locale in choice.locales:
                    yield Wanted(campaign.campaign_id, step, variant, persona, locale)


def render_sheet(studio: Studio, campaign: Campaign, choice: Choice) -> list[Cell]:
    """All mails of one campaign. A template that fails makes a cell with its problem, not the end of the sheet."""
    return [_cell(studio, campaign, wanted) for wanted in wanted_mails(campaign, choice)]


def failures(cells: Sequence[Cell]) -> InvalidInput | None:
    """Every problem of a sheet, a line each; None where there is none."""
    problems = list(dict.fromkeys(f"{cell.key}: {cell.problem}" for cell in cells if cell.problem))
    return InvalidInput("\n".join(problems)) if problems else None


def cell_key(campaign: Campaign, wanted: Wanted) -> str:
    """A name for files, the same for the same mail: `2-second_reminder.no-name.de-AT`."""
    step = f"{wanted.step}-{campaign.steps[wanted.step - 1].name}"
    persona = Path(wanted.persona).stem.replace(" ", "-")
    kept = (wanted.variant, "" if persona == EVERYTHING else persona, wanted.locale)
    return ".".join(part.replace("/", "-") for part in (step, *kept) if part)


def _cell(studio: Studio, campaign: Campaign, wanted: Wanted) -> Cell:
    step = campaign.steps[wanted.step - 1].name.replace("_", " ")
    persona = Path(wanted.persona).stem
    title = " · ".join(part for part in (f"{wanted.step}. {step}", wanted.variant, persona, wanted.locale) if part)
    key = cell_key(campaign, wanted)
    try:
        return Cell(wanted, key, title, studio.show(wanted, campaign))
    except TemplateProblem as problem:
        return Cell(wanted, key, title, None, str(problem))
