"""`rekindle demo`: the whole engine on a built-in shop."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from campaigns.cli.output import Output
from campaigns.cli.serve import serve_engine
from campaigns.cli.summary import print_summary
from campaigns.clock import VirtualClock, WallClock
from campaigns.config import Workspace, scaffold
from campaigns.config.scaffold import write_whole
from campaigns.delivery import mailer_from_url
from campaigns.demo.catalog import catalog
from campaigns.demo.days import day, history
from campaigns.demo.pictures import Pictures
from campaigns.demo.shop import DemoShop
from campaigns.demo.shoppers import profiles
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.importing import import_catalog, import_events
from campaigns.pipeline.refresh import train_and_publish
from campaigns.pipeline.replay import ReplayReport, replay
from campaigns.pipeline.summary import summarise
from campaigns.storage.database import transaction
from campaigns.storage.suppressions import suppress
from campaigns.web.inbox_pictures import picture_routes
from campaigns.web.server import listen
from triggers.events import Event, EventName

HISTORY_DAYS = 30


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".rekindle-demo"), show_default=True)
@click.option("--port", default=8000, show_default=True, help="Port of the inbox page.")
@click.option("--no-serve", is_flag=True, help="End after the summary.")
@click.pass_obj
def demo(output: Output, folder: Path, port: int, no_serve: bool) -> None:
    """Plays one day of a built-in shop through every stage, shows the numbers, then the mails in an inbox page.

    Everything is made from a seed: the shop, its 520 products with pictures, 1,500 shoppers and what they do. Each run
    starts clean and gives the same numbers.
    """
    started = time.perf_counter()
    if not no_serve:
        listen("127.0.0.1", port).close()
    shop = DemoShop(picture_url=f"http://127.0.0.1:{port}/pictures")
    workspace = _workspace(folder, shop, port)
    output.note(f"{shop.name}: starting PostgreSQL and Redis in {workspace.state} ...")
    midnight = datetime.combine(shop.day, datetime.min.time(), UTC)
    clock = VirtualClock(midnight)
    with open_engine(workspace.root, fresh=True, clock=clock, environ={}) as engine:
        report = _play(output, engine, shop, midnight, clock)
        summary = summarise(engine)
        seconds = time.perf_counter() - started
        if output.as_json:
            output.document(summary.as_json() | {"timers": dict(report.ingest.counts), "seconds": round(seconds, 1)})
        print_summary(output, summary, report.ingest, report.decide)
        output.line(f"One day of {shop.name} in {seconds:.0f} s. Ask why: rekindle -w {folder} why C20000")
        if not no_serve:
            engine.clock = WallClock()
            pictures = Pictures(shop, workspace.state / "pictures")
            routes = picture_routes(pictures.find)
            serve_engine(output, engine, "127.0.0.1", port, show_inbox=True, routes=routes)


def _workspace(folder: Path, shop: DemoShop, port: int) -> Workspace:
    workspace = scaffold(folder, shop_id=shop.shop_id).workspace
    write_whole(workspace.config_file, _settings(shop, port), mode=0o600)
    return workspace


def _settings(shop: DemoShop, port: int) -> str:
    """The demo shop's rekindle.toml; a TOML string is written as JSON writes it."""
    sections: dict[str, Mapping[str, Any]] = {
        "": {"secret": secrets.token_hex(32)},
        "write_keys": {"website": secrets.token_urlsafe(24)},
        "shop": {
            "id": shop.shop_id,
            "name": shop.name,
            "url": shop.url,
            "logo_url": shop.logo_url,
            "currency": shop.currency,
            "zone": shop.zone,
            "locale": shop.locale,
            "postal_address": shop.postal_address,
            "support_email": shop.support_email,
        },
        "shop.brand": {name: value for name, value in shop.brand.items() if name != "dark"},
        "shop.brand.dark": shop.brand["dark"],
        "sender": {"name": shop.name, "address": shop.support_email},
        "http": {"port": port},
    }
    lines: list[str] = []
    for section, values in sections.items():
        lines += [f"\n[{section}]"] if section else []
        lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _play(output: Output, engine: Engine, shop: DemoShop, midnight: datetime, clock: VirtualClock) -> ReplayReport:
    files = read_campaign_files(engine.workspace.campaigns, engine.templates)
    import_catalog(engine, [list(catalog(shop))], on_progress=lambda count: None)
    import_events(engine, [_identified(shop, midnight)], on_progress=lambda count: None)
    _suppress(engine, shop)
    past = _as_history(history(shop, HISTORY_DAYS), midnight)
    with output.progress("history", len(past)) as bar:
        import_events(engine, [past], on_progress=bar.advance)
    apply_files(engine, files, by="demo")
    with output.progress("training", None):
        trained = train_and_publish(engine)
    output.note(f"Learned from {trained.interactions:,} interactions with {trained.products:,} products.")
    events = day(shop)
    mailer = mailer_from_url("catcher:", workspace=engine.workspace.root, clock=clock)
    with output.progress("the day", len(events)) as bar:
        report = replay(
            engine,
            events,
            mailer,
            until=midnight + timedelta(days=1),
            trained_at=midnight,
            on_progress=bar.advance,
        )
    mailer.close()
    return report


def _identified(shop: DemoShop, at: datetime) -> list[Event]:
    return [
        Event(
            source="demo",
            message_id=f"profile-{profile.user_id}-{number}",
            name=EventName.IDENTIFIED,
            occurred_at=profile.created_at,
            received_at=at,
            anonymous_id=anonymous_id,
            user_id=profile.user_id,
            email=profile.email,
            traits={
                "first_name": profile.first_name,
                "last_name": profile.last_name,
                "locale": profile.locale,
                "marketing_consent": profile.consent,
                **({"timezone": profile.zone} if profile.zone else {}),
            },
        )
        for profile in profiles(shop)
        for number, anonymous_id in enumerate(profile.anonymous_ids or (None,))
    ]


def _suppress(engine: Engine, shop: DemoShop) -> None:
    with transaction(engine.database) as connection:
        for profile in profiles(shop):
            if profile.suppression:
                suppress(connection, profile.email, reason=profile.suppression, now=profile.created_at)


def _as_history(events: Iterable[Event], midnight: datetime) -> list[Event]:
    """Recorded before the engine was there: it arrives late, feeds the models and starts nothing."""
    late = midnight + timedelta(hours=2)
    return [replace(event, received_at=late) for event in events]
