"""`rekindle recs`: train, roll back, look at and measure the recommendations."""

from __future__ import annotations

import importlib
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from campaigns.cli import recs_text
from campaigns.cli.output import Output
from campaigns.cli.recs_show_text import print_shown
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine, World, open_engine
from campaigns.pipeline.recs_champion import challenge, roll_back, stored_contender
from campaigns.pipeline.recs_contest import Contest, hold_contest
from campaigns.pipeline.recs_show import show as look_at
from campaigns.pipeline.recs_split import HandOut
from campaigns.pipeline.recs_status import read_status
from campaigns.pipeline.train import read_champion, read_history
from recsys.slates import SlotKind

_LEARNERS: Final = "workers.learners"
"""Knows Celery, so it lives a floor above and is loaded only where there is much to learn from."""
_replay = click.option(
    "--replay", "of_replay", is_flag=True, help="Look into the last replay instead of the live shop."
)


def _world(of_replay: bool) -> World:
    return World.REPLAY if of_replay else World.LIVE


@click.group()
def recs() -> None:
    """The recommendations: train, compare, explain, roll back."""


@recs.command()
@click.option("--force", is_flag=True, help="Publish even where the new model loses.")
@_replay
@click.pass_obj
def train(output: Output, force: bool, of_replay: bool) -> None:
    """Learns from the shop's history and publishes the new model unless it loses against the one in force.

    A large training is split up among the workers that run as learners. Ends with 1 where the model in force stays.
    """
    with open_engine(output.workspace, world=_world(of_replay)) as engine:
        output.note("Reading the history and learning; this takes minutes in a large shop.")
        found = challenge(engine, force=force, find_help=lambda count: _find_help(output, engine, count))
    if output.as_json:
        output.document(found.as_json())
    else:
        recs_text.print_challenge(output, found)
    if found.published is None:
        sys.exit(1)


def _find_help(output: Output, engine: Engine, interactions: int) -> HandOut | None:
    """Whom to offer parts of a training on so many interactions, and in a line why nobody."""
    here, above = "Learning in this process alone", engine.settings.recs.split_above
    if interactions <= above:
        output.note(f"{here}: {interactions:,} interactions; more than {above:,} (recs.split_above) are split up.")
        return None
    if engine.cache.world != World.LIVE.value:
        output.note(f"{here}: learners work for the live shop, not for a replay.")
        return None
    learners = importlib.import_module(_LEARNERS)
    found = learners.find_learners(engine)
    if not found:
        output.note(f"{here}: no `rekindle worker --learner` answers.")
        return None
    output.note(f"Sharing the work with learners: {', '.join(found)}.")
    offer: HandOut = learners.hand_out
    return offer


@recs.command()
@_replay
@click.pass_obj
def rollback(output: Output, of_replay: bool) -> None:
    """Puts the former model back in force, and holds it until the next `recs train`."""
    with open_engine(output.workspace, world=_world(of_replay)) as engine:
        before, after = roll_back(engine)
    if output.as_json:
        output.document({"from": before, "to": after, "held": True})
    output.line(f"Version {after} is in force again instead of {before}.")
    output.line("It is held: nothing replaces it until `rekindle recs train`.")


@recs.command()
@_replay
@click.pass_obj
def status(output: Output, of_replay: bool) -> None:
    """Shows versions, sizes, the freshness of every handoff, the rungs that served lately, skew, drift and alarms."""
    with open_engine(output.workspace, world=_world(of_replay)) as engine:
        found = read_status(engine)
    if output.as_json:
        output.document(found.as_json())
    else:
        recs_text.print_status(output, found)


@recs.command()
@click.argument("profile")
@click.option("--slot", "slot", default="next_best", show_default=True, help=f"One of {', '.join(SlotKind)}.")
@click.option("--campaign", default="", help="With this campaign's slots, rules, cart, order or session.")
@click.option("--size", type=click.IntRange(1, 24), default=4, show_default=True, help="Products in the slate.")
@click.option("--most", type=click.IntRange(1, 500), default=30, show_default=True, help="Candidates to list.")
@_replay
@click.pass_obj
def show(output: Output, profile: str, slot: str, campaign: str, size: int, most: int, of_replay: bool) -> None:
    """Explains the slate PROFILE would get now: candidates by source, scores, what was filtered and why.

    PROFILE is a user id, an anonymous id, an email address or a profile id.
    """
    with open_engine(output.workspace, world=_world(of_replay)) as engine:
        found = look_at(engine, profile, slot, campaign_id=campaign, size=size, most=most)
    if output.as_json:
        output.document(found.as_json())
    else:
        print_shown(output, found)


@recs.command()
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the comparison into this PNG file.")
@click.option(
    "--questions", type=click.IntRange(100, 20_000), default=2_000, show_default=True, help="At most so many."
)
@_replay
@click.pass_obj
def evaluate(output: Output, picture: Path | None, questions: int, of_replay: bool) -> None:
    """Measures the full model on the shop's own history against the model in force, own history and bestsellers.

    Split by time, checked for leaks; 95 % intervals by resampling shoppers. Publishes nothing. Ends with 1 where there
    is too little history, or a leak was found.
    """
    if picture is not None and picture.suffix.lower() != ".png":
        raise WrongUsage(f"{picture.name} is no name of a picture", fix="end it in .png")
    with open_engine(output.workspace, world=_world(of_replay)) as engine:
        output.note("Reading the history and learning; this takes minutes in a large shop.")
        history, champion = read_history(engine), read_champion(engine)
        stored = stored_contender(engine, str(champion.get("version", "")))
        found = hold_contest(
            history,
            "blend",
            champion=stored,
            champion_until=datetime.fromisoformat(champion["made_at"]) if stored else None,
            with_kinds=True,
            most=questions,
        )
    _tell(output, found, picture)


def _tell(output: Output, found: Contest, picture: Path | None) -> None:
    if picture is not None and found.reports:
        from campaigns.cli.recs_picture import draw_contest  # drawing is loaded only where it is asked for

        draw_contest(found, picture)
    if output.as_json:
        output.document(found.as_json() | ({"picture": str(picture)} if picture else {}))
    else:
        recs_text.print_contest(output, found)
        if picture is not None and found.reports:
            output.line(f"The picture is in {picture}")
    if not found.reports:
        sys.exit(1)
