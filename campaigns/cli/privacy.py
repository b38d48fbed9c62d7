"""`rekindle suppress`, `unsuppress`: who must not be mailed; `export`, `forget`: what is known about a shopper."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from campaigns.cli.output import Output
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import open_engine
from campaigns.pipeline.privacy import export_person, forget_person
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


@click.command()
@click.argument("profile")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the document into this file.")
@click.pass_obj
def export(output: Output, profile: str, out: Path | None) -> None:
    """Everything known about a shopper as one JSON document: ids, consent, events, decisions, mails, orders.

    PROFILE is a user id, an address, an anonymous id or a profile id.
    """
    with open_engine(output.workspace) as engine:
        document = export_person(engine, profile)
    if out is None:
        output.document(document)
        return
    try:
        out.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise WrongUsage(f"{out} cannot be written ({error.strerror})", fix="give another file") from error
    rows = sum(len(rows) for rows in document.values() if isinstance(rows, list))
    output.line(f"{rows:,} records about {profile} are in {out}")


@click.command()
@click.argument("profile")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(output: Output, profile: str, yes: bool) -> None:
    """Deletes everything that tells who a shopper is or what they did. There is no way back.

    PROFILE is a user id, an address (every profile that has it), an anonymous id or a profile id. Reports keep their
    numbers; do-not-send records stay, so that the address is not mailed by mistake.
    """
    if not yes:
        if output.as_json or not sys.stdin.isatty():
            raise WrongUsage("this cannot be taken back", fix="say --yes as well")
        click.confirm(f"Forget {profile} for good?", abort=True)
    with open_engine(output.workspace) as engine:
        found = forget_person(engine, profile)
    if output.as_json:
        output.document({"profiles": len(found.profile_ids), "counts": found.counts, "waiting": found.waiting})
        return
    told = ", ".join(f"{what}: {count:,}" for what, count in found.counts.items() if count)
    output.line(f"{profile} is forgotten ({told}).")
    if found.waiting:
        output.line(
            f"{found.waiting:,} batches that name them still wait to be applied and will make a new profile:"
            " let them be applied, then run this again."
        )
