"""`rekindle coupons`: pools of codes - list, make, export."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from campaigns.cli.output import Output
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.coupon_pools import check_pool_name, make_codes, read_pools, say_pool
from campaigns.pipeline.engine import open_engine
from campaigns.storage.coupons import CodeRow, list_codes
from campaigns.storage.database import transaction


@click.group()
def coupons() -> None:
    """Pools of coupon codes: list, make, export. `rekindle import coupons POOL FILE` fills one from a file."""


@coupons.command("list")
@click.pass_obj
def list_(output: Output) -> None:
    """Shows every pool: what is left, what went out, what came back with an order, and which steps use it."""
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        campaigns = engine.campaigns.read(connection).current.values()
        pools = read_pools(connection, campaigns, engine.now(connection))
    if output.as_json:
        told = [{**one.state._asdict(), **asdict(one), "warning": say_pool(one)} for one in pools]
        output.document([{key: value for key, value in one.items() if key != "state"} for one in told])
        return
    rows: list[tuple[Any, ...]] = [
        (s.pool, s.free, s.ended, s.reserved, s.redeemed, s.lately, ", ".join(one.used_by) or "-")
        for one in pools
        for s in (one.state,)
    ]
    output.table("Pools", ("pool", "free", "ended", "in mails", "used", "last 7 days", "handed out by"), rows)
    for one in pools:
        if said := say_pool(one):
            output.line(f"warning: {said}")
    if not pools:
        output.line("No pool yet: `rekindle import coupons POOL FILE` or `rekindle coupons make POOL` fills one.")


@coupons.command()
@click.argument("pool")
@click.option("--pattern", required=True, help="Form of the codes; each # is a drawn sign: SPRING-####-####.")
@click.option("--count", type=click.IntRange(1, 10_000_000), required=True, help="How many.")
@click.option("--expires", type=click.DateTime(), help="When they end (UTC).  [default: never]")
@click.option("--out", type=click.Path(path_type=Path), help="CSV to write them to, for the shop's own system.")
@click.pass_obj
def make(output: Output, pool: str, pattern: str, count: int, expires: datetime | None, out: Path | None) -> None:
    """Fills POOL with COUNT new codes that nobody can guess."""
    ends = expires.replace(tzinfo=UTC) if expires else None
    with open_engine(output.workspace) as engine:
        codes = make_codes(engine, pool, pattern, count, expires_at=ends)
    if out is not None:
        end = ends.isoformat() if ends else ""
        out.write_text(_csv(("code", "expires_at"), [(code, end) for code in codes]), encoding="utf-8")
    if output.as_json:
        output.document({"pool": pool, "made": len(codes), "file": out})
    output.line(f"{len(codes):,} codes made for {pool}{f' and written to {out}' if out else ''}.")


@coupons.command()
@click.argument("pool")
@click.option("--status", type=click.Choice(("free", "reserved", "redeemed")), help="Only these.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), help="CSV to write.  [default: to the terminal]")
@click.pass_obj
def export(output: Output, pool: str, status: str | None, out: Path | None) -> None:
    """Writes the codes of POOL as CSV: which message carries which, until when, and the order it came back with."""
    check_pool_name(pool)
    with open_engine(output.workspace) as engine, transaction(engine.database) as connection:
        rows = list(list_codes(connection, pool, status or ""))
    if not rows and not status:
        raise WrongUsage(f"the pool {pool} has no codes", fix="`rekindle coupons list` shows all pools")
    if output.as_json:
        output.document([row._asdict() for row in rows])
        return
    text = _csv(CodeRow._fields, rows)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        output.line(f"{len(rows):,} codes of {pool} written to {out}.")


def _csv(header: tuple[str, ...], rows: Any) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([value.isoformat() if isinstance(value, datetime) else value for value in row] for row in rows)
    return buffer.getvalue()
