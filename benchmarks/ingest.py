"""Events a second from a file into PostgreSQL: deduplicated, resolved, folded, timers set, in one transaction a batch.

    python -m benchmarks.ingest [--events 200000] [--profile]

The events are those of the demo shop's kind of traffic, made from a seed before the clock starts: sessions of views,
additions and some orders of as many shoppers as `--per-shopper` leaves. "A file" means canonical events in memory, as
the readers of files hand them over; what reading costs is measured in the flow `rekindle import`.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from campaigns.config import scaffold
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.importing import BATCH
from campaigns.pipeline.ingest import IngestReport, ingest_events
from triggers.events import Event, Line

SHOP = {"shop_id": "shop", "shop_name": "Shop", "shop_url": "https://shop.example", "currency": "EUR"}
START = datetime(2026, 3, 1, tzinfo=UTC)


def traffic(count: int, per_shopper: int, seed: int = 1) -> list[Event]:
    """Events in time order over ten days, in visits of some eight views, an addition in every second one and an order
    in every eighth."""
    chance = random.Random(seed)
    shoppers = max(1, count // per_shopper)
    found: list[Event] = []
    while len(found) < count:
        who, at = f"u{chance.randrange(shoppers)}", START + timedelta(seconds=chance.uniform(0, 864_000))
        names = ["Product Viewed"] * chance.randint(1, 15)
        names += ["Product Added"] * (chance.random() < 0.5) + ["Order Completed"] * (chance.random() < 0.12)
        for name in names:
            at += timedelta(seconds=chance.uniform(5, 90))
            number, product = len(found), f"p{int(chance.paretovariate(0.8)) % 20_000}"
            line = (Line(product, price_minor=1000, title=product),)
            order_id = f"o{number}" if name == "Order Completed" else None
            found.append(Event("file", f"m{number}", name, at, at, user_id=who, lines=line, order_id=order_id))
    found.sort(key=lambda event: event.occurred_at)
    return found[:count]


def measure(engine: Engine, events: list[Event], batch: int) -> tuple[IngestReport, float]:
    """Applies them all; returns what happened and the seconds it took."""
    report = IngestReport()
    started = time.perf_counter()
    for start in range(0, len(events), batch):
        report.add(ingest_events(engine, events[start : start + batch]))
    return report, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--per-shopper", type=int, default=20)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    events = traffic(options.events, options.per_shopper)
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-", ignore_cleanup_errors=True) as folder:
        workspace = scaffold(Path(folder) / "shop", **SHOP).workspace
        with open_engine(workspace.root, environ={}) as engine:
            apply_files(engine, read_campaign_files(workspace.campaigns, engine.templates), by="benchmark")
            profiler = cProfile.Profile()
            if options.profile:
                profiler.enable()
            cpu = os.times()
            report, seconds = measure(engine, events, options.batch)
            own = os.times().user - cpu.user + os.times().system - cpu.system
            profiler.disable()
    print(f"{report.events:,} events in {seconds:.1f} s: {report.events / seconds:,.0f}/s")
    print(f"this process alone: {own:.1f} s of processor time ({report.events / own:,.0f}/s)")
    print("timers: " + ", ".join(f"{count:,} {what}" for what, count in sorted(report.counts.items())))
    if options.profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
