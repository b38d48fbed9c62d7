"""`rekindle preview CAMPAIGN`: the email as it would go out now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from campaigns.cli.output import Output
from campaigns.cli.preview_output import FORMATS, write_preview
from campaigns.clock import WallClock
from campaigns.config import Settings, Workspace, load_settings
from campaigns.domain.errors import WrongUsage
from campaigns.domain.product import Product
from campaigns.pipeline.preview import Studio, Wanted, open_studio
from campaigns.pipeline.preview_files import find_campaign
from campaigns.pipeline.preview_people import EVERYTHING
from campaigns.pipeline.preview_samples import may_have_products, unpictured_samples
from campaigns.pipeline.preview_sheet import Choice


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    campaign: str
    step: int
    variant: tuple[str, ...]
    locale: tuple[str, ...]
    persona: tuple[str, ...]
    profile: str
    for_next: bool
    of_replay: bool
    form: str
    out: Path | None
    width: int
    dark: bool
    looks: bool
    everything: bool
    check: bool
    update: bool
    send_to: str
    serve: bool
    port: int

    @property
    def is_real(self) -> bool:
        """Whether it is for a real shopper, who needs the servers."""
        return bool(self.profile or self.for_next)

    @property
    def wanted(self) -> Wanted:
        """The one mail that is asked for."""
        return Wanted(
            self.campaign,
            self.step,
            _one(self.variant, "--variant"),
            _one(self.persona, "--persona") or EVERYTHING,
            _one(self.locale, "--locale"),
            self.profile,
            self.for_next,
        )

    @property
    def choice(self) -> Choice:
        """The mails that are asked for with `--all`."""
        steps = (self.step,) if self.step else ()
        return Choice(steps, self.variant, self.persona or (EVERYTHING,), self.locale or ("",))


@click.command()
@click.argument("campaign", default="")
@click.option("--step", type=click.IntRange(min=1), help="Which mail of the campaign.  [default: the first]")
@click.option("--variant", multiple=True, help="Which version of an experiment.  [default: the one the shopper drew]")
@click.option("--profile", default="", help="For this shopper: a user id, an anonymous id or an address.")
@click.option("--next", "for_next", is_flag=True, help="For the shopper whose timer fires next.")
@click.option("--persona", multiple=True, help="For a made-up shopper: a YAML file, or a name ('no name').")
@click.option("--locale", multiple=True, help="In this language: de, de-AT, ar.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to write.  [default: text]")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; a folder with --looks, --all and --check.")
@click.option("--width", type=click.IntRange(200, 2000), default=680, show_default=True, help="Of a PNG; 390: a phone.")
@click.option("--dark", is_flag=True, help="A PNG in dark mode.")
@click.option("--looks", is_flag=True, help="PNGs at phone and desktop width, light and dark.")
@click.option("--all", "everything", is_flag=True, help="A contact sheet of every mail the campaign can send.")
@click.option("--check", is_flag=True, help="With --all: ends with 1 where a mail is not what its snapshot says.")
@click.option("--update", is_flag=True, help="With --all: takes the mails as they are now for the snapshots.")
@click.option("--send-to", default="", metavar="ADDRESS", help="Sends one real test mail, marked as a test.")
@click.option("--serve", is_flag=True, help="Opens the preview app, which shows changes as files are saved.")
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Port of --serve.")
@click.option("--replay", "of_replay", is_flag=True, help="Shoppers of the last replay instead of the live shop.")
@click.pass_obj
def preview(output: Output, /, **given: Any) -> int:
    """Renders the email of CAMPAIGN as it would go out now. Nothing is recorded, and nothing sent but by --send-to.

    Without --profile and --next it is for a made-up shopper, and no server is needed.
    """
    asked = Asked(**{**given, "step": given["step"] or 0})
    _refuse_contradictions(asked)
    with _studio(output, asked) as studio:
        if asked.serve:
            from campaigns.cli.preview_serve import serve_preview

            serve_preview(output, studio, asked.wanted, asked.port)
        elif asked.check or asked.update:
            output.as_json = output.as_json or asked.form == "json"
            from campaigns.cli.preview_all import check_all

            chosen = asked.choice if asked.persona or asked.locale else None
            return check_all(output, studio, asked.campaign, chosen, update=asked.update, out=asked.out)
        elif asked.everything:
            from campaigns.cli.preview_all import show_all

            show_all(output, studio, asked.campaign, asked.choice, form=asked.form, out=asked.out, looks=asked.looks)
        else:
            _show_one(output, studio, asked)
    return 0


def _show_one(output: Output, studio: Studio, asked: Asked) -> None:
    if not asked.campaign:
        known = ", ".join(studio.campaigns().by_id)
        raise WrongUsage("no campaign is named", fix=f"there is {known}; or show every one with --all")
    find_campaign(studio.campaigns(), asked.campaign, asked.step or 1)
    if asked.send_to and not asked.is_real and not studio.products:
        studio.products = unpictured_samples(studio.settings.shop.url, studio.settings.shop.currency)
        output.note("The products are samples, without pictures: those of the shop show once its catalog is imported.")
    shown = studio.show(asked.wanted)
    if asked.send_to:
        if shown.scene.verdict.line:
            output.note(shown.scene.verdict.line)
        from campaigns.pipeline.preview_mail import send_test

        where = send_test(studio, shown, asked.send_to, WallClock())
        output.line(f"Test mail {shown.email.subject!r} for {shown.scene.who} to {asked.send_to}: {where}.")
        if output.as_json:
            output.document(shown.as_json() | {"sent_to": asked.send_to, "outcome": where})
        return
    form = "json" if output.as_json else asked.form or ("png" if asked.looks else "text")
    write_preview(output, studio, shown, form, asked.out, width=asked.width, dark=asked.dark, looks=asked.looks)


@contextmanager
def _studio(output: Output, asked: Asked) -> Iterator[Studio]:
    workspace = Workspace.at(output.workspace)
    settings = load_settings(workspace, os.environ)
    if asked.is_real or asked.of_replay:
        from campaigns.pipeline.engine import World, open_engine

        world = World.REPLAY if asked.of_replay else World.LIVE
        with open_engine(output.workspace, world=world) as engine:
            yield open_studio(workspace, settings, engine=engine, products=_own_products(workspace, settings))
    elif asked.check or asked.update:
        yield open_studio(workspace, settings)  # the same products on every machine
    else:
        yield open_studio(workspace, settings, products=_own_products(workspace, settings))


def _own_products(workspace: Workspace, settings: Settings) -> Sequence[Product]:
    if not may_have_products(workspace, settings):
        return ()
    from campaigns.pipeline.preview_catalog import own_products

    return own_products(workspace, settings)


def _refuse_contradictions(asked: Asked) -> None:
    if asked.persona and asked.is_real:
        raise WrongUsage("--persona goes with neither --profile nor --next")
    if (asked.everything or asked.check or asked.update) and (asked.is_real or asked.send_to):
        raise WrongUsage("--all shows made-up shoppers", fix="leave --profile, --next and --send-to out")
    if (asked.check or asked.update) and (asked.step or asked.variant):
        raise WrongUsage("--check and --update take every step and variant", fix="leave --step and --variant out")


def _one(values: tuple[str, ...], option: str) -> str:
    if len(values) > 1:
        raise WrongUsage(f"{option} was given {len(values)} times", fix="several go with --all only")
    return values[0] if values else ""
