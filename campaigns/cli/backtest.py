"""`rekindle backtest`: a campaign tried on recorded history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click

from campaigns.cli.backtest_text import print_backtest
from campaigns.cli.output import Output
from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_file import read_campaign
from campaigns.domain.campaign_values import parse_length
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.backtest import Backtest, candidate_of
from campaigns.pipeline.backtest import backtest as try_out
from campaigns.pipeline.campaign_files import read_campaign_files
from campaigns.pipeline.engine import Engine, World, open_engine
from campaigns.storage.database import transaction


class Length(click.ParamType[timedelta]):
    """A length of time: 30d, 12h, 2w."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            length = parse_length(str(value))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if length <= timedelta(0):
            self.fail(f"{value!r}: a period of no length; write for example 30d", param, ctx)
        return length


@click.command()
@click.argument("campaign")
@click.option("--since", type=Length(), default="30d", show_default=True, help="How far back, from the last event.")
@click.option("--file", type=click.Path(path_type=Path, exists=True), help="A campaign file that need not be applied.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the mails of each day into this PNG file.")
@click.option("--replay", "of_replay", is_flag=True, help="Over the events of the last replay, not those of the shop.")
@click.pass_obj
def backtest(
    output: Output, campaign: str, since: timedelta, file: Path | None, picture: Path | None, of_replay: bool
) -> None:
    """Tries CAMPAIGN on recorded history: who would have been mailed when, and what would have stood in the way.

    The code that decides live decides here too, with all other campaigns in force beside it; content is taken for
    granted, and nothing is written. Where the campaign's file (--file, or the one in the workspace) differs from the
    version in force, both are tried and compared.
    """
    with open_engine(output.workspace, world=World.REPLAY if of_replay else World.LIVE) as engine:
        in_force = _in_force(engine, campaign)
        candidate, companions = _candidate(engine, campaign, file, in_force)
        with output.progress("events", None) as bar:
            found = try_out(engine, campaign, candidate, companions=companions, length=since, on_progress=bar.advance)
    if picture is not None:
        _draw(found, picture)
    if output.as_json:
        output.document(found.as_json() | ({"picture": picture} if picture else {}))
        return
    print_backtest(output, found)
    if picture is not None:
        output.line(f"The picture is in {picture}")


def _in_force(engine: Engine, tried: str) -> dict[str, Campaign]:
    """The campaigns that play along: a paused one mails nobody, unless it is the one that is tried."""
    with transaction(engine.database) as connection:
        found = engine.campaigns.read(connection)
    return {name: one for name, one in found.current.items() if name == tried or name not in found.paused}


def _candidate(
    engine: Engine, campaign_id: str, file: Path | None, in_force: Mapping[str, Campaign]
) -> tuple[Campaign | None, dict[str, Campaign]]:
    """What is tried, and beside which campaigns: those in force, or where none is, those of the workspace's files."""
    files: dict[str, Campaign] = {}
    if file is None or not in_force:
        found = read_campaign_files(engine.workspace.campaigns, engine.templates)
        files = {name: one.campaign for name, one in found.items()}
    chosen = read_campaign(file) if file else files.get(campaign_id, in_force.get(campaign_id))
    if chosen is None:
        known = ", ".join(sorted({*files, *in_force})) or "none"
        raise WrongUsage(f"there is no campaign {campaign_id!r}", fix=f"there is {known}; or give a file with --file")
    if chosen.campaign_id != campaign_id:
        raise WrongUsage(
            f"the file holds campaign {chosen.campaign_id!r}, not {campaign_id!r}", where=str(file), fix="name that one"
        )
    if in_force:
        return candidate_of(in_force, chosen), dict(in_force)
    return chosen, {name: one for name, one in files.items() if name != campaign_id}


def _draw(found: Backtest, picture: Path) -> None:
    from campaigns.cli.pictures import draw_backtest  # drawing is loaded only where it is asked for

    if picture.suffix.lower() != ".png":
        raise WrongUsage(f"{picture.name} is no name of a picture", fix="end it in .png")
    draw_backtest(found, picture)
