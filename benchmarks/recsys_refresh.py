"""What a refresh of the recommendations costs that reads only new interactions, beside one that reads all of them.

    python benchmarks/recsys_refresh.py [--interactions 1000000] [--products 20000] [--new 10000] [--rounds 3]

Both in the same run, on embedded servers in a folder of their own: one whole refresh, then in turns so many new
interactions with a refresh of these, and a whole one of the same rows. `cpu_s` is processor time of this process and
of PostgreSQL's, `here_cpu_s` of this one alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sqlalchemy import Connection

from campaigns.config import scaffold
from campaigns.domain.product import Product
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.refresh import refresh
from campaigns.pipeline.train import HEARTBEAT
from campaigns.storage.database import copy_rows, statement, transaction
from campaigns.storage.events import copy_events
from campaigns.storage.products import save_products
from triggers.events import EventName

NAMES = (EventName.PRODUCT_VIEWED, EventName.PRODUCT_ADDED, EventName.ORDER_COMPLETED)
CHUNK = 50_000


class Shop:
    """Popular and rare products in sessions of five; a fifth of the shoppers come back often."""

    def __init__(self, products: int, profiles: int) -> None:
        self.products, self.profiles, self.drawn = products, profiles, np.random.default_rng(1)
        self.written = 0

    def found(self, connection: Connection) -> None:
        now = datetime.now(UTC)
        rows = [
            (f"user-{n}", json.dumps({"country": ("de", "fr", "at")[n % 3]}), now, now) for n in range(self.profiles)
        ]
        copy_rows(connection, "profiles (user_id, traits, created_at, updated_at)", rows)
        catalog = [self._product(number) for number in range(self.products)]
        for start in range(0, len(catalog), CHUNK):
            save_products(connection, catalog[start : start + CHUNK], now)

    def _product(self, number: int) -> Product:
        shelf, brand = f"c{number // 50 % 400}", f"b{number % 300}"
        return Product(
            f"SKU-{number}", f"Product {number}", category=shelf, brand=brand, price_minor=500, currency="EUR"
        )

    def add(self, engine: Engine, rows: int, since: datetime, until: datetime) -> None:
        """Writes interactions that happened within a span."""
        sessions = rows // 5
        began = np.sort(self.drawn.random(sessions)) * (until - since).total_seconds()
        topic = self.drawn.zipf(1.2, sessions) % self.products
        who = np.minimum(self.drawn.zipf(1.1, sessions), self.drawn.integers(1, self.profiles + 1, sessions))
        kind = self.drawn.choice(3, rows, p=[0.8, 0.15, 0.05])
        near = self.drawn.integers(0, 50, rows)
        events = []
        for row in range(rows):
            session, at = row // 5, since + timedelta(seconds=float(began[row // 5]) + 20.0 * (row % 5))
            payload = {
                "lines": [{"product_id": f"SKU-{(topic[session] + near[row]) % self.products}"}],
                "visit": {"source": "ad"},
            }
            self.written += 1
            events.append((at, at, int(who[session]), "shop", f"m{self.written}", NAMES[kind[row]], payload))
        for start in range(0, rows, CHUNK):
            engine.partitions.ensure([one[0] for one in events[start : start + CHUNK]])
            with transaction(engine.database) as connection:
                copy_events(connection, events[start : start + CHUNK])


def database_seconds(engine: Engine) -> float:
    """Processor time of the database's processes, those that ended included."""
    with transaction(engine.database) as connection:
        asked = statement("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        pids = [row[0] for row in connection.execute(asked)]
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    parent = Path(f"/proc/{stats[0][1]}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(int(one[11]) + int(one[12]) for one in stats) + int(parent[13]) + int(parent[14])
    return ticks / os.sysconf("SC_CLK_TCK")


def timed(engine: Engine, *, whole: bool) -> dict[str, float]:
    if whole:
        with transaction(engine.database) as connection:
            forget = statement("UPDATE heartbeats SET facts = facts - 'state' - 'last_event' WHERE name = :name")
            connection.execute(forget, {"name": HEARTBEAT})
    before = time.perf_counter(), time.process_time(), database_seconds(engine)
    report = refresh(engine)
    assert report is not None and report.is_whole == whole
    after = time.perf_counter(), time.process_time(), database_seconds(engine)
    wall, here, there = (b - a for a, b in zip(before, after, strict=True))
    return {
        "s": round(wall, 2),
        "here_cpu_s": round(here, 2),
        "cpu_s": round(here + there, 2),
        "new": report.new,
        "written": report.written,
        "records": report.records,
        "version": int(report.version, 16),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--profiles", type=int, default=200_000)
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="rekindle-refresh-") as folder:
        workspace = scaffold(
            Path(folder) / "w", shop_id="units", shop_name="Units", shop_url="https://units.example"
        ).workspace
        with open_engine(workspace.root, environ={}) as engine:
            shop = Shop(options.products, options.profiles)
            now = datetime.now(UTC) - timedelta(minutes=5)  # nothing lies in the future
            with transaction(engine.database) as connection:
                shop.found(connection)
            shop.add(engine, options.interactions, now - timedelta(days=60), now - timedelta(minutes=15))
            print(json.dumps({"first": timed(engine, whole=True)}), flush=True)
            for _ in range(options.rounds):
                shop.add(engine, options.new, now - timedelta(minutes=15), now)
                part = timed(engine, whole=False)
                whole = timed(engine, whole=True)
                assert part.pop("version") == whole.pop("version")
                ratios = {name: round(whole[name] / part[name], 1) for name in ("s", "here_cpu_s", "cpu_s")}
                print(json.dumps({"new_only": part, "whole": whole, "whole_by_new_only": ratios}), flush=True)
    print(json.dumps({"peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)}))


if __name__ == "__main__":
    main()
