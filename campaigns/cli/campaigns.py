"""`rekindle campaigns`: rules as files - list, validate, apply, pause, resume."""

from __future__ import annotations

import getpass
from collections.abc import Mapping

import click

from campaigns.cli.output import Output
from campaigns.config import Workspace
from campaigns.domain.campaign_values import spell_duration
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.campaign_files import CampaignFile, apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.storage.campaigns import StoredCampaign, checksum, list_campaigns, set_campaign_status
from campaigns.storage.database import transaction


@click.group()
def campaigns() -> None:
    """Rules as files: list, validate, plan, apply, pause, resume."""


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
@click.pass_obj
def validate(output: Output) -> None:
    """Checks the campaign files; needs no server. Ends with 1 and a line per problem where something is wrong."""
    workspace = Workspace.at(output.workspace)
    files = read_campaign_files(
        workspace.campaigns, TemplateStore([workspace.templates / "emails", shipped_templates()])
    )
    if output.as_json:
        output.document({"valid": sorted(files)})
        return
    for name, file in files.items():
        steps = ", ".join(f"{step.name} after {spell_duration(step.after)}" for step in file.campaign.steps)
        output.line(f"{name}: valid ({file.campaign.trigger.name}; {steps})")


@campaigns.command()
@click.pass_obj
def plan(output: Output) -> None:
    """Shows what `apply` would change."""
    with open_engine(output.workspace) as engine:
        files = read_campaign_files(engine.workspace.campaigns, engine.templates)
        changes = _changes(files, _stored(engine))
    if output.as_json:
        output.document(changes)
        return
    for name, change in changes.items():
        output.line(f"{name}: {change}")


@campaigns.command()
@click.pass_obj
def apply(output: Output) -> None:
    """Puts the campaign files in force, all or none. Shoppers on their way finish on the version they started on."""
    with open_engine(output.workspace) as engine:
        files = read_campaign_files(engine.workspace.campaigns, engine.templates)
        done = apply_files(engine, files, by=getpass.getuser())
    said = {"added": done.added, "changed": done.changed, "unchanged": done.unchanged, "retired": done.retired}
    if output.as_json:
        output.document(said)
        return
    for what, names in said.items():
        if names:
            output.line(f"{what}: {', '.join(names)}")


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


def _stored(engine: Engine) -> dict[str, StoredCampaign]:
    with transaction(engine.database) as connection:
        return {campaign.campaign_id: campaign for campaign in list_campaigns(connection)}


def _changes(files: Mapping[str, CampaignFile], stored: Mapping[str, StoredCampaign]) -> dict[str, str]:
    changes = {}
    for name, file in files.items():
        known = stored.get(name)
        if known is None or known.status == "retired":
            changes[name] = "new"
        elif known.checksum != checksum(file.text):
            changes[name] = f"changed; version {known.version} becomes {known.version + 1}"
        else:
            changes[name] = "unchanged"
    for name, campaign in stored.items():
        if name not in files and campaign.status != "retired":
            changes[name] = "no longer in the files; would be retired"
    return changes
