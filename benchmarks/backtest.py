"""How fast campaigns are tried on history: `python -m benchmarks.backtest [--events 1000000] [--keep DIR]`.

The built-in shop's thirty days of history are told again and again with other shoppers, until the table holds as many
events as asked for. Then `backtest` runs over all of it with the three shipped campaigns in force. Time is wall time,
reading included; memory is the peak of this process and of its helpers.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from campaigns.config import scaffold
from campaigns.demo.days import history
from campaigns.demo.shop import DemoShop
from campaigns.pipeline.backtest import backtest
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import event_row
from campaigns.storage.database import statement, transaction
from campaigns.storage.events import copy_events, count_events
from campaigns.storage.profiles import ProfileRow, insert_profiles
from triggers.events import Event

PER_COPY = 10_000
_FIRST_ACCOUNT = 20_000
_VACUUM = ("ANALYZE events", "ANALYZE profiles")


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="A workspace to fill once and use again.")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workspace = scaffold(
            folder / "shop", shop_id="bench", shop_name="Bench", shop_url="https://shop.example"
        ).workspace
        engine = stack.enter_context(open_engine(workspace.root, environ={}))
        with transaction(engine.database) as connection:
            there = count_events(connection)[0]
        if there < options.events:
            fill(engine, options.events)
        print(json.dumps(measure(engine), indent=2))


def fill(engine: Engine, wanted: int) -> None:
    """Writes history for as many crowds of shoppers as are needed."""
    apply_files(engine, read_campaign_files(engine.workspace.campaigns, engine.templates), by="benchmark")
    told = list(history(DemoShop()))
    engine.partitions.ensure([event.occurred_at for event in told])
    for crowd in range(-(-wanted // len(told))):
        rows = list(crowd_rows(told[: wanted - crowd * len(told)], crowd))
        ids = sorted({row[2] for row in rows})
        with transaction(engine.database) as connection:
            now = engine.now(connection)
            profiles = [ProfileRow(i, email=f"{i}@shoppers.example", traits={}) for i in ids]
            insert_profiles(connection, profiles, now)
            for start in range(0, len(rows), PER_COPY):
                copy_events(connection, rows[start : start + PER_COPY])
    with engine.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for text in _VACUUM:
            connection.execute(statement(text))


def crowd_rows(events: list[Event], crowd: int) -> Iterator[tuple]:
    """The events as rows, with ids of their own for each crowd. Devices are one shopper from the start."""
    for event in events:
        number = (
            int(event.user_id[1:]) - _FIRST_ACCOUNT if event.user_id else int(str(event.anonymous_id).split("-")[1])
        )
        own = replace(
            event,
            message_id=f"{crowd}-{event.message_id}",
            anonymous_id=f"{crowd}-{number}",
            user_id=event.user_id and f"{crowd}-{event.user_id}",
            email=None,
            order_id=event.order_id and f"{crowd}-{event.order_id}",
            cart_id=event.cart_id and f"{crowd}-{event.cart_id}",
        )
        yield event_row(own, crowd * 10_000 + number + 1)


def measure(engine: Engine) -> dict[str, object]:
    """One backtest of abandoned_cart over everything, with all campaigns in force."""
    with transaction(engine.database) as connection:
        companions = dict(engine.campaigns.read(connection).current)
    began, busy = perf_counter(), _processor_seconds()
    found = backtest(engine, "abandoned_cart", None, companions=companions, length=timedelta(days=60))
    seconds = perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    figures = found.after.figures("abandoned_cart")
    return {
        "events": found.events,
        "seconds": round(seconds, 1),
        "events_per_second": round(found.events / seconds),
        "processor_seconds": round(_processor_seconds() - busy, 1),
        "peak_memory_mib": round(memory / 1024),
        "mails": figures.mails,
        "shoppers": len(figures.profiles),
    }


def _processor_seconds() -> float:
    """Of this process and its finished helpers, the database's not included."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
