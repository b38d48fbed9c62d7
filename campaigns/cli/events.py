"""`rekindle events`: what was refused, and what could not be applied."""

from __future__ import annotations

from datetime import timedelta

import click
import orjson

from campaigns.cli.backtest import Length
from campaigns.cli.output import Output
from campaigns.pipeline.engine import open_engine
from campaigns.storage.database import transaction
from campaigns.storage.inbox import count_rejects, list_rejects, list_stuck, retry_stuck

_WIDEST = 160


@click.group()
def events() -> None:
    """What the event API refused, and what could not be applied."""


@events.command()
@click.option("--since", type=Length(), default="7d", show_default=True, help="How far back. They are kept 14 days.")
@click.option("--source", default="", help="Only of this source.")
@click.option("--reason", default="", help="Only for this reason.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many are shown.")
@click.pass_obj
def rejects(output: Output, since: timedelta, source: str, reason: str, limit: int) -> None:
    """Shows events that were refused: how many of which source and why, and the newest with what was sent."""
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        start = engine.now(connection) - since
        counts = count_rejects(connection, since=start, source=source, reason=reason)
        newest = list_rejects(connection, since=start, source=source, reason=reason, limit=limit)
    if output.as_json:
        counted = [{"source": one, "reason": why, "count": count} for one, why, count in counts]
        output.document({"since": start, "counts": counted, "newest": [reject._asdict() for reject in newest]})
        return
    if not counts:
        output.line("No event was refused.")
        return
    rows = [(one, why, f"{count:,}") for one, why, count in counts]
    output.table("Refused events", ("source", "reason", "events"), rows)
    output.line("\nThe newest (times in UTC; docs/event-api.md explains the reasons)")
    for reject in newest:
        name = f" {reject.message_id}" if reject.message_id else ""
        output.line(f"  {reject.received_at:%Y-%m-%d %H:%M:%S}  {reject.source}{name}: {reject.reason}")
        output.line(f"      {_short(reject.raw)}")


@events.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many are shown.")
@click.option("--retry", is_flag=True, help="Let the workers try all of them again, after what broke them was mended.")
@click.pass_obj
def stuck(output: Output, limit: int, retry: bool) -> None:
    """Shows accepted events that failed again and again and were put aside. Nothing is lost: they wait in the inbox."""
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        found = list_stuck(connection, limit=limit)
        retried = retry_stuck(connection) if retry else 0
    if output.as_json:
        rows = [
            {"inbox_id": one.inbox_id, "source": one.source, "received_at": one.received_at, "body": _text(one.body)}
            for one in found
        ]
        output.document({"stuck": rows, "retried": retried})
        return
    if not found:
        output.line("Nothing is stuck.")
        return
    for one in found:
        output.line(f"{one.inbox_id}  {one.received_at:%Y-%m-%d %H:%M:%S} UTC  {one.source}")
        for message in orjson.loads(one.body)["messages"][:3]:
            output.line(f"      {_short(orjson.dumps(message).decode())}")
    if retry:
        output.line(f"{retried:,} batches are tried again.")
    else:
        output.line("The worker's log says what broke; once that is mended: `rekindle events stuck --retry`.")


def _short(raw: str) -> str:
    line = " ".join(raw.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
