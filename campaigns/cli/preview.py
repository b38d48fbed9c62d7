"""`rekindle preview CAMPAIGN`: the email as it would go out now."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from campaigns.cli.browser import picture
from campaigns.cli.output import Output
from campaigns.clock import WallClock
from campaigns.config import Settings, Workspace, load_settings
from campaigns.delivery.mime import compose
from campaigns.domain.errors import WrongUsage
from campaigns.domain.message import Address, OutboundMail
from campaigns.pipeline.campaign_files import read_campaign_files
from campaigns.pipeline.engine import World, open_engine
from campaigns.pipeline.preview import Preview, find_campaign, preview_persona, preview_profile
from campaigns.pipeline.render import shop_of
from campaigns.rendering import TemplateStore, shipped_templates

FORMATS = ("html", "text", "eml", "png", "json")


@click.command()
@click.argument("campaign")
@click.option("--step", type=int, default=1, show_default=True, help="Which mail of the campaign.")
@click.option("--profile", default="", help="For this shopper: a user id, an anonymous id or an address.")
@click.option("--next", "for_next", is_flag=True, help="For the shopper whose timer fires next.")
@click.option("--persona", type=click.Path(path_type=Path), help="For a made-up shopper from a YAML file.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="File to write (default: standard output).")
@click.option("--width", type=int, default=680, show_default=True, help="Width of a PNG in pixels; 390 is a phone.")
@click.option("--dark", is_flag=True, help="A PNG in dark mode.")
@click.option("--replay", "of_replay", is_flag=True, help="Shoppers of the last replay instead of the live shop.")
@click.pass_obj
def preview(
    output: Output,
    campaign: str,
    step: int,
    profile: str,
    for_next: bool,
    persona: Path | None,
    form: str,
    out: Path | None,
    width: int,
    dark: bool,
    of_replay: bool,
) -> None:
    """Renders the email of CAMPAIGN as it would go out now. Nothing is sent and nothing recorded.

    Without --profile and --next it is for a made-up shopper, and no server is needed.
    """
    workspace = Workspace.at(output.workspace)
    settings = load_settings(workspace, os.environ)
    shown = _render(output, workspace, settings, campaign, step, profile, for_next or of_replay, persona, of_replay)
    form = "json" if output.as_json else form
    if form == "json":
        output.document(shown.as_json())
    elif form == "png":
        path = out or Path(f"{campaign}-{step}-{width}{'-dark' if dark else ''}.png")
        picture(shown.email.html, path, width=width, dark=dark)
        output.line(f"Wrote {path}")
    else:
        _write(_bytes(shown, settings, form), out)


def _render(
    output: Output,
    workspace: Workspace,
    settings: Settings,
    campaign: str,
    step: int,
    profile: str,
    for_next: bool,
    persona: Path | None,
    of_replay: bool,
) -> Preview:
    if persona is not None and (profile or for_next):
        raise WrongUsage("--persona goes with neither --profile nor --next")
    templates = TemplateStore([workspace.templates / "emails", shipped_templates()])
    chosen = find_campaign(read_campaign_files(workspace.campaigns, templates), campaign, step)
    if not profile and not for_next:
        return preview_persona(templates, chosen, step, shop_of(settings), persona)
    world = World.REPLAY if of_replay else World.LIVE
    with open_engine(output.workspace, world=world) as engine:
        return preview_profile(engine, chosen, step, profile)


def _bytes(shown: Preview, settings: Settings, form: str) -> bytes:
    email = shown.email
    if form == "html":
        return email.html.encode()
    if form == "text":
        return f"Subject: {email.subject}\nPreview: {email.preheader}\n\n{email.text}".encode()
    sender = Address(settings.sender.address or "preview@localhost.localdomain", settings.sender.name)
    mail = OutboundMail(
        message_ref="preview",
        sender=sender,
        recipient=Address("preview@localhost.localdomain"),
        email=email,
        campaign_id=shown.campaign.campaign_id,
        shop_id=settings.shop.id,
        is_test=True,
    )
    return compose(mail, WallClock().now()).content


def _write(content: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.write(b"" if content.endswith(b"\n") else b"\n")
        sys.stdout.flush()
    else:
        out.write_bytes(content)
