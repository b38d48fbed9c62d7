"""`rekindle campaigns`: rules as files - list, validate, plan, apply, pause, resume, history."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from campaigns.cli.backtest import Length
from campaigns.cli.backtest_text import print_comparison
from campaigns.cli.output import Output
from campaigns.config import Workspace, load_settings
from campaigns.domain.campaign_change import list_changes
from campaigns.domain.campaign_values import spell_duration
from campaigns.domain.errors import InvalidInput, WrongUsage
from campaigns.pipeline.campaign_files import CampaignFile, apply_files, read_campaign_files, read_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.lint import lint_campaigns, refusals
from campaigns.pipeline.plan import Fate, Planned, count_left_behind
from campaigns.pipeline.plan import plan as make_plan
from campaigns.pipeline.policy import shop_policy
from campaigns.pipeline.render import shop_of
from campaigns.pipeline.warm import warm_templates
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.rendering.lint import Severity, finding_lines
from campaigns.storage.campaigns import StoredCampaign, list_campaign_changes, list_campaigns, set_campaign_status
from campaigns.storage.database import transaction


@click.group()
def campaigns() -> None:
    """Rules as files: list, validate, plan, apply, pause, resume, history."""


@campaigns.command("list")
@click.pass_obj
def list_(output: Output) -> None:
    """Shows the campaigns in force."""
    with open_engine(output.workspace) as engine:
        stored = _stored(engine)
    if output.as_json:
        output.document([{"id": c.campaign_id, "version": c.version, "status": c.status} for c in stored.values()])
        return
    rows = [
        (c.campaign_id, c.status, c.version, f"{c.applied_at:%Y-%m-%d %H:%M}", c.applied_by) for c in stored.values()
    ]
    output.table("Campaigns in force", ("campaign", "status", "version", "applied (UTC)", "by"), rows)
    if not rows:
        output.line("None yet: `rekindle campaigns apply` puts the files in force.")


@campaigns.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def validate(output: Output, files: tuple[Path, ...]) -> None:
    """Checks the campaign files, or only the FILES given; needs no server. Ends with 1 and a line per problem where
    something is wrong."""
    workspace = Workspace.at(output.workspace)
    shop = shop_policy(load_settings(workspace))
    templates = TemplateStore([workspace.templates / "emails", shipped_templates()])
    read = read_files(files, templates, shop) if files else read_campaign_files(workspace.campaigns, templates, shop)
    if output.as_json:
        advice = [str(one) for file in read.values() for one in file.advice]
        output.document({"valid": sorted(read), "warnings": advice})
        return
    for name, file in read.items():
        steps = ", ".join(f"{step.name} after {spell_duration(step.after)}" for step in file.campaign.steps)
        output.line(f"{name}: valid ({file.campaign.trigger.name}; {steps})")
        _warn(output, [file])


@campaigns.command()
@click.option("--since", type=Length(), default="30d", show_default=True, help="How much history to try changes on.")
@click.option("--no-backtest", is_flag=True, help="Show the differences only.")
@click.pass_obj
def plan(output: Output, since: timedelta, no_backtest: bool) -> None:
    """Shows what `apply` would change, setting by setting, and what that would have changed over recorded history."""
    with open_engine(output.workspace) as engine:
        files = read_campaign_files(engine.workspace.campaigns, engine.templates, shop_policy(engine.settings))
        with output.progress("events", None) as bar:
            found = make_plan(engine, files, length=None if no_backtest else since, on_progress=bar.advance)
    if output.as_json:
        output.document([planned.as_json() for planned in found])
        return
    for planned in found:
        _print_planned(output, planned)
    if any(planned.refusal for planned in found):
        raise InvalidInput("the plan cannot be applied", fix="see the lines marked with ✗")
    if all(planned.fate is Fate.UNCHANGED for planned in found):
        output.line("Nothing to do: what is in force is what the files say.")


@campaigns.command()
@click.option(
    "--move-running",
    is_flag=True,
    help="Shoppers on their way go on on the new version instead of finishing on theirs.",
)
@click.option("--no-lint", is_flag=True, help="Leaves out the check of the templates, which refuses errors.")
@click.pass_obj
def apply(output: Output, move_running: bool, no_lint: bool) -> None:
    """Puts the campaign files in force, all or none. Shoppers on their way finish on the version they started on.

    The templates they may send are checked first, as `rekindle lint` does: errors refuse, warnings are shown.
    """
    with open_engine(output.workspace) as engine:
        files = read_campaign_files(engine.workspace.campaigns, engine.templates, shop_policy(engine.settings))
        _warn(output, files.values())
        if not no_lint:
            _lint(output, engine, files)
        done = apply_files(engine, files, by=getpass.getuser(), move=move_running)
        left = count_left_behind(engine)
        warmed = warm_templates(engine, only={*done.added, *done.changed})
    said = {"added": done.added, "changed": done.changed, "unchanged": done.unchanged, "retired": done.retired}
    if output.as_json:
        output.document({**said, "on_older_versions": left, "compiled_ahead": warmed.compiled})
        return
    for what, names in said.items():
        if names:
            output.line(f"{what}: {', '.join(names)}")
    for name, count in left.items():
        output.line(f"{name}: {count:,} shoppers finish on an older version (--move-running takes them along)")
    if warmed.compiled:
        output.line(f"compiled ahead: {warmed.compiled:,} parts of {warmed.mails:,} mails these campaigns may send")


@campaigns.command()
@click.argument("campaign", default="")
@click.pass_obj
def history(output: Output, campaign: str) -> None:
    """Shows who changed what when, of CAMPAIGN or of all."""
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        changes = list_campaign_changes(connection, campaign)
        versions = engine.campaigns.read(connection).versions
    if output.as_json:
        output.document([asdict(change) for change in changes])
        return
    rows = []
    for change in changes:
        told = change.what + (f", {change.moved:,} shoppers moved along" if change.moved else "")
        rows.append(
            (f"{change.changed_at:%Y-%m-%d %H:%M}", change.campaign_id, str(change.version), told, change.changed_by)
        )
        if change.what == "applied" and (before := versions.get((change.campaign_id, change.version - 1))):
            after = versions.get((change.campaign_id, change.version))
            rows.extend(("", "", "", f"  {one}", "") for one in list_changes(before, after))
    output.table("Changes", ("when (UTC)", "campaign", "version", "what", "by"), rows)
    if not rows:
        output.line("Nothing was applied yet.")


@campaigns.command()
@click.argument("campaign")
@click.pass_obj
def pause(output: Output, campaign: str) -> None:
    """Holds CAMPAIGN: its timers wait, nothing new starts."""
    _set_status(output, campaign, "paused")


@campaigns.command()
@click.argument("campaign")
@click.pass_obj
def resume(output: Output, campaign: str) -> None:
    """Lets CAMPAIGN go on. Mails that are later than their `max_late` by now are skipped with a reason."""
    _set_status(output, campaign, "active")


def _set_status(output: Output, campaign: str, status: str) -> None:
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        now = engine.now(connection)
        if not set_campaign_status(connection, campaign, status, by=getpass.getuser(), now=now):
            known = ", ".join(c.campaign_id for c in list_campaigns(connection)) or "none"
            raise WrongUsage(f"no campaign {campaign!r} is in force", fix=f"there is {known}")
    output.line(f"{campaign} is {status}.")


def _lint(output: Output, engine: Engine, files: Mapping[str, CampaignFile]) -> None:
    campaigns = [file.campaign for file in files.values()]
    found = lint_campaigns(engine.templates, campaigns, shop_of(engine.settings))
    refused = refusals(found, engine.settings)
    for line in finding_lines([one for one in found if one.severity is not Severity.ADVICE and one not in refused]):
        output.note(line)
    if refused:
        lines = "\n".join(finding_lines(refused))
        what = f"{lines}\nnothing was put in force: {len(refused)} errors in templates"
        raise InvalidInput(what, fix="correct them, or apply with --no-lint")


def _warn(output: Output, files: Iterable[CampaignFile]) -> None:
    for file in files:
        for one in file.advice:
            output.line(f"warning: {one}")


def _stored(engine: Engine) -> dict[str, StoredCampaign]:
    with transaction(engine.database) as connection:
        return {campaign.campaign_id: campaign for campaign in list_campaigns(connection)}


def _print_planned(output: Output, planned: Planned) -> None:
    said = {
        Fate.NEW: f"new, as version {planned.version}",
        Fate.CHANGED: f"changed, becomes version {planned.version}",
        Fate.UNCHANGED: "unchanged",
        Fate.RETIRED: "no longer in the files: would be retired",
    }[planned.fate]
    output.line(f"{planned.campaign_id}: {said}")
    if planned.refusal:
        output.line(f"  ✗ {planned.refusal}")
    if planned.fate is Fate.CHANGED:
        for change in planned.changes:
            output.line(f"  {change}")
        if not planned.changes:
            output.line("  only comments or the order of the text differ")
    if planned.running and planned.fate is not Fate.UNCHANGED:
        then = "would end there" if planned.fate is Fate.RETIRED else "finish on their version unless moved"
        output.line(f"  {planned.running:,} shoppers are on their way through it; they {then}")
    if planned.backtest:
        print_comparison(output, planned.backtest)
