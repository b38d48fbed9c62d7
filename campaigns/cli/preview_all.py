"""`preview --all`: contact sheets, and snapshots compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from campaigns.cli.browser import LOOKS, Look, find_browser, pictures
from campaigns.cli.output import Output
from campaigns.cli.preview_changes import report_changes
from campaigns.cli.preview_output import page_of
from campaigns.domain.campaign import Campaign
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.campaign_files import InvalidCampaigns
from campaigns.pipeline.preview import Studio
from campaigns.pipeline.preview_files import find_campaign
from campaigns.pipeline.preview_people import built_in_personas, persona_files
from campaigns.pipeline.preview_sheet import Cell, Choice, failures, render_sheet
from campaigns.pipeline.preview_snapshots import Change, compare_snapshots, kept_choice, update_snapshots
from campaigns.web.preview_sheet import sheet_page

_SHEET_WIDTH = 1480


def chosen_campaigns(studio: Studio, campaign_id: str) -> list[Campaign]:
    """The one that is named, else all; raises where a file cannot be read."""
    read = studio.campaigns()
    if campaign_id:
        return [find_campaign(read, campaign_id)]
    if read.problems:
        raise InvalidCampaigns(list(read.problems))
    return list(read.by_id.values())


def show_all(
    output: Output, studio: Studio, campaign_id: str, choice: Choice, *, form: str, out: Path | None, looks: bool
) -> None:
    """Writes a contact sheet per campaign, as a page and, where a browser is there, as one picture."""
    choice = _all_personas(studio, choice)
    sheets = [(each, render_sheet(studio, each, choice)) for each in chosen_campaigns(studio, campaign_id)]
    if output.as_json or form == "json":
        output.document([_told(cell) for _, cells in sheets for cell in cells])
    else:
        folder = out or Path()
        folder.mkdir(parents=True, exist_ok=True)
        for campaign, cells in sheets:
            _write_sheet(output, studio, campaign, cells, folder, form, looks=looks)
    failed = failures([cell for _, cells in sheets for cell in cells])
    if failed:
        raise failed


def check_all(
    output: Output, studio: Studio, campaign_id: str, choice: Choice | None, *, update: bool, out: Path | None
) -> int:
    """Compares every mail with its snapshot, or makes the snapshots; 1 where something is not as it was."""
    folder = studio.workspace.root / "snapshots"
    kept = kept_choice(folder)
    if kept and choice and choice != kept and campaign_id:
        raise WrongUsage("all snapshots are of the same persons and locales", fix="leave the campaign out")
    choice = _all_personas(studio, choice or kept or Choice())
    found: list[Change] = []
    for campaign in chosen_campaigns(studio, campaign_id):
        cells = render_sheet(studio, campaign, choice)
        if not update:
            found += compare_snapshots(studio, folder, campaign.campaign_id, cells)
            continue
        failed = failures(cells)
        if failed:
            raise failed
        changed = update_snapshots(studio, folder, campaign.campaign_id, cells, choice)
        output.line(f"{campaign.campaign_id}: {len(cells)} mails, {changed} files changed in {folder}")
    if update:
        return 0
    report_changes(output, found, out or folder / "changes")
    return 1 if found else 0


def _all_personas(studio: Studio, choice: Choice) -> Choice:
    """`--persona all` is every one there is."""
    if choice.personas != ("all",):
        return choice
    files = [str(path) for path in persona_files(studio.workspace.personas).values()]
    return Choice(choice.steps, choice.variants, (*built_in_personas(), *files), choice.locales)


def _told(cell: Cell) -> dict[str, object]:
    shown = cell.preview.as_json() if cell.preview else {"campaign": cell.wanted.campaign_id}
    return {"key": cell.key, "persona": cell.wanted.persona, **shown, "problem": cell.problem or None}


def _write_sheet(
    output: Output, studio: Studio, campaign: Campaign, cells: Sequence[Cell], folder: Path, form: str, *, looks: bool
) -> None:
    path = folder / f"{campaign.campaign_id}-sheet"
    pages = [page_of(studio, cell.preview.email.html) if cell.preview else "" for cell in cells]
    page, picture = path.with_suffix(".html"), path.with_suffix(".png")
    if form != "png":
        page.write_text(sheet_page(campaign.name, cells, pages), encoding="utf-8")
        output.line(f"Wrote {page}")
    if form == "png" or (not form and find_browser()):
        shown_as = LOOKS if looks else (LOOKS[0],)
        wanted = [(html, look) for html in pages if html for look in shown_as]
        taken = pictures(wanted, scale=1)
        sheet = sheet_page(campaign.name, cells, pages, pictures=taken, looks=[look.name for look in shown_as])
        [whole] = pictures([(sheet, Look(_SHEET_WIDTH))], scale=1)
        picture.write_bytes(whole)
        output.line(f"Wrote {picture}")
    elif not form:
        output.note("No browser was found, so there is no picture of the sheet (apt install chromium).")
