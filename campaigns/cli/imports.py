"""`rekindle import`: catalog, events, profiles and coupon codes from files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from campaigns.cli.output import Output
from campaigns.pipeline.coupon_pools import check_pool_name, close_import, keep_codes
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.importing import import_catalog, import_events
from campaigns.storage.files import ShopFile, open_catalog, open_coupons, open_events, open_profiles
from triggers.catalog_events import BACK_IN_STOCK, PRICE_DROPPED


@click.group("import")
def import_() -> None:
    """Reads a catalog, events, profiles or coupon codes from CSV, NDJSON or Parquet, gzip too.

    Rows that cannot be used go to a rejects file with their line and the reason; the rest is imported.
    """


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--rejects", type=click.Path(path_type=Path), help="Where refused rows go.")(command)
    command = click.option(
        "--map", "column_map", type=click.Path(path_type=Path), help="Column mapping file (YAML or TOML)."
    )(command)
    return click.argument("file", type=click.Path(path_type=Path))(command)


@import_.command()
@_options
@click.pass_obj
def catalog(output: Output, file: Path, column_map: Path | None, rejects: Path | None) -> None:
    """Imports products: inserts new ones, replaces known ones. Lower prices and returns to stock are told to shoppers
    who care, where a campaign listens."""
    with open_engine(output.workspace) as engine:
        currency = engine.settings.shop.currency
        source = open_catalog(file, column_map=column_map, rejects=_rejects(engine, file, rejects), currency=currency)
        output.note(source.note)
        with output.progress("products", None) as bar:
            news = import_catalog(engine, source, on_progress=bar.advance)
    drops, returns = news[PRICE_DROPPED], news[BACK_IN_STOCK]
    _say(output, source, "products", {"price_drops": drops, "back_in_stock": returns})
    if news and not output.as_json:
        output.line(
            f"{drops:,} prices came down, {returns:,} products are back in stock: the workers tell whom it concerns."
        )


@import_.command()
@_options
@click.pass_obj
def events(output: Output, file: Path, column_map: Path | None, rejects: Path | None) -> None:
    """Imports events as history. Events older than `events.max_event_age` never start a campaign."""
    with open_engine(output.workspace) as engine:
        source = open_events(
            file,
            column_map=column_map,
            rejects=_rejects(engine, file, rejects),
            received_at=engine.clock.now(),
            currency=engine.settings.shop.currency,
        )
        output.note(source.note)
        with output.progress("events", None) as bar:
            report = import_events(engine, source, on_progress=bar.advance)
    _say(output, source, "events", {"applied": report.events, "repeats": report.repeats})


@import_.command()
@_options
@click.pass_obj
def profiles(output: Output, file: Path, column_map: Path | None, rejects: Path | None) -> None:
    """Imports profiles: addresses, names, zones, traits, consent."""
    with open_engine(output.workspace) as engine:
        source = open_profiles(
            file, column_map=column_map, rejects=_rejects(engine, file, rejects), at=engine.clock.now()
        )
        output.note(source.note)
        with output.progress("profiles", None) as bar:
            import_events(engine, source, on_progress=bar.advance)
    _say(output, source, "profiles")


@import_.command()
@click.argument("pool")
@_options
@click.pass_obj
def coupons(output: Output, pool: str, file: Path, column_map: Path | None, rejects: Path | None) -> None:
    """Imports coupon codes into POOL: columns code and expires_at, or one code a line.

    A code that the pool has already, or that stands twice in the file, is refused with its line.
    """
    check_pool_name(pool)
    with open_engine(output.workspace) as engine:
        source = open_coupons(
            file,
            keep=lambda codes: keep_codes(engine, pool, codes),
            column_map=column_map,
            rejects=_rejects(engine, file, rejects),
        )
        output.note(source.note)
        with output.progress("codes", None) as bar:
            for codes in source:
                bar.advance(len(codes))
        close_import(engine)
    _say(output, source, f"codes for {pool}")


def _rejects(engine: Engine, file: Path, given: Path | None) -> Path:
    return given or engine.workspace.rejects / f"{file.name}.rejects.csv"


def _say(output: Output, source: ShopFile[Any], what: str, more: dict[str, int] | None = None) -> None:
    rejected = {fault.value: count for fault, count in source.rejected.most_common()}
    if output.as_json:
        output.document(
            {"accepted": source.accepted, "rejected": rejected, "rejects_file": source.rejects_file, **(more or {})}
        )
        return
    repeats = (more or {}).get("repeats", 0)
    known = f", {repeats:,} of them known already" if repeats else ""
    output.line(f"{source.accepted:,} {what} imported{known}.")
    if rejected:
        reasons = ", ".join(f"{count:,} {fault}" for fault, count in rejected.items())
        output.line(f"{sum(rejected.values()):,} rows were refused ({reasons}): {source.rejects_file}")
