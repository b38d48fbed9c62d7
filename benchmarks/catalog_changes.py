"""A price drop of one product with very many viewers: found, told and armed, a thousand shoppers a transaction.

    python -m benchmarks.catalog_changes [--viewers 200000] [--others 3]

Viewers and their events (`--others` of other products each) are written by SQL before the clock starts. Shown are the
gathering of interests, the telling - events, states and timers through the code that takes in every event - the longest
transaction, which is as long as any shopper's own event may have to wait, and the peak memory of this process.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from campaigns.config import scaffold
from campaigns.config.scaffold import library_drafts
from campaigns.domain.product import Product
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.tell import tell_changes
from campaigns.storage.database import statement, transaction
from campaigns.storage.products import save_products

LAMP = Product("lamp", "Lamp", "https://shop.example/lamp", price_minor=5000, currency="EUR", stock=9)
_VIEWERS = (
    "INSERT INTO profiles (user_id, email, traits, created_at, updated_at)"
    " SELECT 'u' || n, 'u' || n || '@shoppers.example', '{}', now(), now() FROM generate_series(1, :viewers) AS n",
    "INSERT INTO identities (kind, value, profile_id) SELECT 'user', user_id, profile_id FROM profiles",
    "INSERT INTO events (occurred_at, received_at, profile_id, source, message_id, name, payload)"
    " SELECT now() - interval '1 hour', now() - interval '1 hour', profile_id, 'shop', user_id || '-' || k,"
    " 'Product Viewed', jsonb_build_object('user_id', user_id, 'lines', jsonb_build_array(jsonb_build_object("
    "'product_id', CASE WHEN k = 0 THEN 'lamp' ELSE 'p' || (profile_id * 7 + k) % 5000 END)))"
    " FROM profiles CROSS JOIN generate_series(0, :others) AS k",
)


def prepare(engine: Engine, viewers: int, others: int) -> None:
    """A shop with a price-drop campaign, one product, and everybody who looked at it."""
    file = engine.workspace.campaigns / "price_drop.yaml"
    file.write_text(library_drafts()["price_drop.yaml"], encoding="utf-8")
    apply_files(engine, read_campaign_files(engine.workspace.campaigns, engine.templates), by="benchmark")
    engine.partitions.ensure([datetime.now(UTC)])
    with transaction(engine.database) as connection:
        save_products(connection, [LAMP], engine.now(connection))
        for sql in _VIEWERS:
            connection.execute(statement(sql), {"viewers": viewers, "others": others})
    with transaction(engine.database) as connection:
        save_products(connection, [replace(LAMP, price_minor=4000)], engine.now(connection))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=200_000)
    parser.add_argument("--others", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rekindle-benchmark-") as folder:
        workspace = scaffold(Path(folder) / "shop", shop_url="https://shop.example").workspace
        with open_engine(workspace.root) as engine:
            prepare(engine, options.viewers, options.others)
            run(engine, options.viewers * (options.others + 1))


def run(engine: Engine, events: int) -> None:
    """Tells everybody, and prints how long it took."""
    started, gathered, told, longest = time.perf_counter(), 0.0, 0, 0.0
    while True:
        before = time.perf_counter()
        report = tell_changes(engine)
        took = time.perf_counter() - before
        if report.is_all:
            break
        if not report.told:
            gathered += took
        else:
            told, longest = told + report.told, max(longest, took)
    telling = time.perf_counter() - started - gathered
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"interests of {events:,} events gathered in {gathered:.1f} s ({events / gathered:,.0f}/s)")
    print(f"{told:,} shoppers told in {telling:.1f} s ({told / telling:,.0f}/s), longest transaction {longest:.2f} s")
    print(f"peak memory of this process {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
