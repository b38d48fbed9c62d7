"""The campaign files of a workspace: read, checked as a whole, and put in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.decisions.candidate import ShopPolicy
from campaigns.decisions.shop_checks import check_with_shop
from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_change import refuse_change
from campaigns.domain.campaign_file import Problem, list_advice, read_campaign, step_lines
from campaigns.domain.errors import InvalidInput, RekindleError
from campaigns.rendering import TemplateProblem, TemplateStore

if TYPE_CHECKING:  # files are also read where no server is: what those need is loaded with them
    from campaigns.pipeline.engine import Engine
    from campaigns.storage.campaigns import Applied


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """A campaign file that passed: its text is what gets applied."""

    path: Path
    text: str
    campaign: Campaign

    @property
    def advice(self) -> list[Problem]:
        """What works and is unwise, by line."""
        return list_advice(self.text, file=str(self.path))


class InvalidCampaigns(InvalidInput):
    """Everything that is wrong with the campaign files, one line each."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def read_campaign_files(
    folder: Path, templates: TemplateStore, shop: ShopPolicy | None = None
) -> dict[str, CampaignFile]:
    """Every campaign of `folder` by id, checked under the shop's limits too where they are given. Raises
    `InvalidCampaigns` naming all problems of all files at once."""
    found = read_files(sorted(folder.glob("*.yaml")) + sorted(folder.glob("*.yml")), templates, shop)
    if not found:
        line = f"{folder}: there is no campaign file; copy one with `rekindle init`, or write one"
        raise InvalidCampaigns([line])
    return found


def read_files(
    paths: Iterable[Path], templates: TemplateStore, shop: ShopPolicy | None = None
) -> dict[str, CampaignFile]:
    """The same of the files given."""
    found: dict[str, CampaignFile] = {}
    problems: list[str] = []
    for path in paths:
        try:
            campaign = read_campaign(path)
            _check_templates(path, campaign, templates)
        except RekindleError as error:
            problems.extend(str(error).splitlines())
            continue
        problems.extend(_unfit(path, campaign, shop) if shop is not None else ())
        if campaign.campaign_id in found:
            other = found[campaign.campaign_id].path.name
            problems.append(f"{path}: id: {campaign.campaign_id!r} is also the id of {other}; give one another id")
        found[campaign.campaign_id] = CampaignFile(path, path.read_text(encoding="utf-8"), campaign)
    if problems:
        raise InvalidCampaigns(problems)
    return found


def apply_files(engine: Engine, files: Mapping[str, CampaignFile], *, by: str, move: bool = False) -> Applied:
    """Puts checked files in force, all or none. Shoppers on their way finish on their version, or with `move` go on
    on the new one. Raises `InvalidCampaigns` where a campaign would turn into another kind."""
    from campaigns.pipeline.moving import move_running
    from campaigns.storage.campaigns import apply_campaigns
    from campaigns.storage.database import transaction

    with transaction(engine.database) as connection:
        now = engine.now(connection)
        current = engine.campaigns.read(connection).current
        refused = [
            f"{file.path}: {why}"
            for name, file in files.items()
            if name in current and (why := refuse_change(current[name], file.campaign))
        ]
        if refused:
            raise InvalidCampaigns(refused)
        done = apply_campaigns(connection, {i: file.text for i, file in files.items()}, by=by, now=now)
        if move:
            for campaign_id in (*done.changed, *done.unchanged):
                move_running(engine, connection, campaign_id)
        return done


def _unfit(path: Path, campaign: Campaign, shop: ShopPolicy) -> Iterator[str]:
    """What a campaign takes over from the shop and cannot work with."""
    if problems := check_with_shop(campaign, shop):
        lines = step_lines(path.read_text(encoding="utf-8"))
        yield from (f"{path}:{lines[index]}: steps[{index}]: {what}" for index, what in problems)


def _check_templates(path: Path, campaign: Campaign, templates: TemplateStore) -> None:
    for name in sorted(campaign.templates):
        try:
            templates.get(name)
        except TemplateProblem as problem:
            raise InvalidInput(f"template {name!r}: {problem}", where=str(path)) from problem
