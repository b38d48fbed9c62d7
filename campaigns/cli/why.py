"""`rekindle why PROFILE`: the story of one shopper."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import click

from campaigns.cli.output import Output
from campaigns.pipeline.engine import World, open_engine
from campaigns.pipeline.why import Story, tell

_MARKS = {"event": " ", "timer": "⏲", "decision": "◆", "message": "✉", "feedback": "↩", "next": "→"}


@click.command()
@click.argument("profile")
@click.option("--campaign", default="", help="Only what concerns this campaign.")
@click.option("--replay", "of_replay", is_flag=True, help="Look into the last replay instead of the live shop.")
@click.pass_obj
def why(output: Output, profile: str, campaign: str, of_replay: bool) -> None:
    """Tells why PROFILE got a mail, or none: events, timers, decisions and messages in order, and what comes next.

    PROFILE is a user id, an anonymous id, an email address or a profile id.
    """
    with open_engine(output.workspace, world=World.REPLAY if of_replay else World.LIVE) as engine:
        story = tell(engine, profile, campaign_id=campaign)
        zone = ZoneInfo(engine.settings.shop.zone)
    if output.as_json:
        output.document(story.as_json())
        return
    _print(output, story, zone)


def _print(output: Output, story: Story, zone: ZoneInfo) -> None:
    row = story.profile
    names = [text for text in (row.user_id, row.email) if text] or ["a stranger"]
    output.line(f"Profile {row.profile_id}: {', '.join(names)} (times in {zone.key})\n")
    if story.events_left_out:
        output.line(f"  ... {story.events_left_out} earlier events are left out")
    day = ""
    for moment in story.moments:
        local = moment.at.astimezone(zone)
        if (today := f"{local:%A %d %B %Y}") != day:
            day = today
            output.line(day)
        output.line(f"  {local:%H:%M:%S}  {_MARKS[moment.kind]} {moment.text}")
    output.line("\nWhat comes next")
    for moment in story.next:
        output.line(f"  {moment.at.astimezone(zone):%d %b %H:%M}  {_MARKS['next']} {moment.text}")
    if not story.next:
        output.line("  Nothing is planned.")
