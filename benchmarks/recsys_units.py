"""Unit costs of serving and training, to plan a large shop with: bytes in Redis, writes, MGETs, training, slates.

    python benchmarks/recsys_units.py [--products 100000] [--profiles 100000] [--interactions 2000000]

Redis is the embedded one, in a folder of its own; what is written are records as the product packs them.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import redis

from campaigns.config import load_settings, scaffold
from campaigns.storage.cache import SlateCache
from campaigns.storage.embedded import ensure_servers
from recsys import keys
from recsys.arrays import Matrix, from_rows
from recsys.precompute import DEEPEST, slates_of
from recsys.queries import Queries
from recsys.training import TrainingSettings, train

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def shop(products: int, profiles: int, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Interactions with popular and rare products, in sessions of five, and a catalog with ids of ordinary length."""
    seed = np.random.default_rng(1)
    session = np.arange(rows) // 5
    topic = seed.zipf(1.2, rows // 5 + 1) % products
    product = (topic[session] + seed.integers(0, 50, rows)) % products
    kinds = np.array(["Product Viewed", "Product Added", "Order Completed"])
    frame = pd.DataFrame(
        {
            "product_id": np.char.add("SKU-", product.astype(str)),
            "profile_id": seed.integers(0, profiles, rows // 5 + 1)[session].astype(str),
            "session_id": session,
            "event": kinds[seed.choice(3, rows, p=[0.8, 0.15, 0.05])],
            "occurred_at": pd.date_range("2025-10-01", "2026-01-01", periods=rows, tz="UTC"),
        }
    )
    numbers = np.arange(products)
    catalog = pd.DataFrame(
        {
            "product_id": np.char.add("SKU-", numbers.astype(str)),
            "title": np.char.add("Product ", numbers.astype(str)),
            "category": np.char.add("c", (numbers // 50 % 400).astype(str)),
            "brand": np.char.add("b", (numbers % 300).astype(str)),
            "price": 500 + numbers % 9000,
        }
    )
    return frame, catalog


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


class Answers:
    """A model that answers every question with the same number of drawn products."""

    def __init__(self, queries: int, products: int) -> None:
        columns = np.random.default_rng(1).integers(0, products, (queries, DEEPEST))
        values = np.tile(np.linspace(1, 0.01, DEEPEST), queries)
        self.ranked = from_rows(values, columns.ravel(), np.arange(queries + 1) * DEEPEST, (queries, products))

    def score(self, queries: Queries, depth: int) -> Matrix:
        return self.ranked


def measure_packing(profiles: int = 10_000, products: int = 100_000) -> dict[str, float]:
    """Slates a second of processor time once a model has answered: own products parted from new ones, then bytes."""
    queries = Queries.of([[1, 2, 3]] * profiles, [[4, 5]] * profiles)
    ids, names = [str(n) for n in range(profiles)], [f"SKU-{n}" for n in range(products)]
    model = Answers(profiles, products)
    start = time.process_time()
    slates = slates_of(model, queries, 40)
    parted = time.process_time()
    list(slates.packed(ids, names, version="v", made_at=NOW))
    packed = time.process_time()
    return {
        "parted_slates_per_s": round(profiles / (parted - start)),
        "packed_slates_per_s": round(profiles / (packed - parted)),
    }


def measure_redis(records: dict[str, bytes], folder: Path) -> dict[str, float]:
    workspace = scaffold(folder / "w", shop_id="units", shop_name="Units", shop_url="https://units.example").workspace
    with ensure_servers(workspace, load_settings(workspace, {})) as servers:
        client = redis.Redis.from_url(servers.redis_url)
        client.flushdb()
        cache = SlateCache(servers.redis_url, prefix="rekindle:units:live:")
        found: dict[str, float] = {}
        for name, start in (("product", "p:"), ("profile", "s:")):
            mine = {key: value for key, value in records.items() if key.startswith(start)}
            before = client.info("memory")["used_memory"]
            seconds, _ = timed(partial(cache.write, mine, ttl_seconds=3600))
            used = client.info("memory")["used_memory"] - before
            found[f"{name}_records"] = len(mine)
            found[f"{name}_payload_bytes"] = round(sum(map(len, mine.values())) / len(mine))
            found[f"{name}_bytes_in_redis"] = round(used / len(mine))
            found[f"{name}_writes_per_s"] = round(len(mine) / seconds)
        names = [key for key in records if key[0] in "ps"]
        seed = np.random.default_rng(2)
        for size in (25, 5_000):
            asked = [[names[n] for n in seed.integers(0, len(names), size)] for _ in range(2_000 // size * 20 + 20)]
            times = sorted(timed(partial(cache.read, one))[0] for one in asked)
            found[f"mget_{size}_p50_ms"] = round(1e3 * times[len(times) // 2], 2)
            found[f"mget_{size}_p99_ms"] = round(1e3 * times[int(len(times) * 0.99)], 2)
        cache.close()
        client.close()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--profiles", type=int, default=100_000)
    parser.add_argument("--interactions", type=int, default=2_000_000)
    parser.add_argument("--blend-profiles", type=int, default=2_000)
    parser.add_argument("--packing-only", action="store_true")
    options = parser.parse_args()
    if options.packing_only:
        print(json.dumps(measure_packing(), indent=2))
        return
    frame, catalog = shop(options.products, options.profiles, options.interactions)
    none, _ = timed(lambda: train(frame, catalog, now=NOW, profiles=[]))
    full, artifacts = timed(lambda: train(frame, catalog, now=NOW))
    packing, records = timed(lambda: dict(artifacts.packed()))
    slates = sum(key.startswith(keys.profile("")) for key in records)
    part = frame.tail(options.interactions // 10)
    blend = TrainingSettings(ranking="blend")
    some = [str(one) for one in part["profile_id"].drop_duplicates().head(options.blend_profiles)]
    fit, _ = timed(lambda: train(part, catalog, now=NOW, settings=blend, profiles=[]))
    asked, _ = timed(lambda: train(part, catalog, now=NOW, settings=blend, profiles=some))
    result: dict[str, float] = {
        "interactions": options.interactions,
        "neighbours_s": round(none, 1),
        "neighbours_s_per_million": round(none / options.interactions * 1e6, 1),
        "slates_per_s": round(slates / max(full - none, 1e-3)),
        "packing_records_per_s": round(len(records) / packing),
        "blend_interactions": len(part),
        "blend_fit_s": round(fit, 1),
        "blend_slates_per_s": round(len(some) / max(asked - fit, 1e-3)),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    result |= measure_packing()
    with TemporaryDirectory(prefix="rekindle-units-") as folder:
        result |= measure_redis(records, Path(folder))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
