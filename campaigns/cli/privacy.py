"""`rekindle suppress`, `unsuppress`: who must not be mailed."""

from __future__ import annotations

import click

from campaigns.cli.output import Output
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import open_engine
from campaigns.storage.database import transaction
from campaigns.storage.suppressions import suppress as add_suppression
from campaigns.storage.suppressions import unsuppress as remove_suppression


@click.command()
@click.argument("address")
@click.option("--campaign", default="all", help="Only this campaign (default: every mail).")
@click.option("--note", default="", help="Why, for the record.")
@click.pass_obj
def suppress(output: Output, address: str, campaign: str, note: str) -> None:
    """Takes ADDRESS out: no mail goes there any more, from this moment on."""
    if "@" not in address:
        raise WrongUsage(f"{address!r} is not an email address")
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        now = engine.now(connection)
        add_suppression(connection, address, reason="manual", now=now, scope=campaign, detail=note)
    output.line(f"{address} gets no mail any more ({'everything' if campaign == 'all' else campaign}).")


@click.command()
@click.argument("address")
@click.option("--campaign", default="", help="Only this campaign's suppression (default: all of them).")
@click.pass_obj
def unsuppress(output: Output, address: str, campaign: str) -> None:
    """Lets ADDRESS in again."""
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        removed = remove_suppression(connection, address, scope=campaign)
    if not removed:
        raise WrongUsage(f"{address} is not suppressed")
    output.line(f"{address} may be mailed again.")
