"""How long training and precomputing take on a made-up shop, and how much memory at the most.

    python benchmarks/recsys_training.py [--rows 10000000] [--products 200000] [--ranking neighbours]

Sessions are short, products have a popularity tail and shelves of fifty bought together. Prints seconds, slates
per second and the peak resident memory of this process. With `--processes` as many processes make slates of the blend
at once, as workers do: slates per second of all, the mean of `--rounds` and the best of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from recsys.blend.model import Blend, BlendSettings
from recsys.catalog import Catalog, build_catalog
from recsys.columns import Events
from recsys.log import InteractionLog, build_log
from recsys.neighbours import neighbours_of
from recsys.queries import Queries

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def shop(rows: int, products: int) -> pd.DataFrame:
    """Return interactions of rows / 5 sessions over 90 days, a fifth of them by strangers."""
    seed = np.random.default_rng(1)
    sessions = rows // 5
    shelf = np.minimum(seed.zipf(1.2, sessions) - 1, products // 50 - 1)
    product = np.repeat(shelf, 5) * 50 + np.minimum(seed.zipf(1.3, sessions * 5) - 1, 49)
    session = np.repeat(np.arange(sessions), 5)
    profile = seed.integers(0, max(rows // 20, 1), sessions).astype(object)
    profile[seed.random(sessions) < 0.2] = None
    seconds = np.sort(seed.integers(0, 90 * 86_400, sessions))
    at = pd.Timestamp("2025-10-01", tz="UTC") + pd.to_timedelta(
        np.repeat(seconds, 5) + np.tile(np.arange(5) * 40, sessions), unit="s"
    )
    return pd.DataFrame(
        {
            "session_id": session,
            "profile_id": np.repeat(profile, 5),
            "product_id": product % products,
            "event": np.asarray(Events.NAMES)[np.minimum(seed.geometric(0.8, sessions * 5) - 1, 3)],
            "occurred_at": at,
        }
    )


def memory_gib() -> float:
    """Return the peak resident memory so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def slates_at_once(model: Blend, asked: Queries, processes: int, rounds: int) -> dict[str, int]:
    """Return slates per second of some processes that make all of them, round by round, at the same time."""
    fork = multiprocessing.get_context("fork")  # so that they share the model
    together, told = fork.Barrier(processes), fork.Queue()

    def work() -> None:
        for _ in range(rounds):
            together.wait()
            start = time.perf_counter()
            model.score(asked, 40)
            told.put(len(asked) / (time.perf_counter() - start))

    workers = [fork.Process(target=work) for _ in range(processes)]
    for worker in workers:
        worker.start()
    rates = [[told.get() for _ in workers] for _ in range(rounds)]
    for worker in workers:
        worker.join()
    sums = [sum(some) for some in rates]
    return {"processes": processes, "mean_per_s": round(sum(sums) / rounds), "best_per_s": round(max(sums))}


def of_blend(catalog: Catalog, log: InteractionLog, asked: Queries, processes: int, rounds: int) -> dict[str, object]:
    """Fit the whole blend and make slates of it: in this process, and in some at once."""
    start, processor = time.perf_counter(), time.process_time()
    model = Blend(catalog, BlendSettings()).fit(log)
    result: dict[str, object] = {"fit_s": round(time.perf_counter() - start, 1)}
    result["fit_cpu_s"] = round(time.process_time() - processor, 1)
    model.score(asked.slice(0, 100), 40)  # loops are compiled or read
    start, processor = time.perf_counter(), time.process_time()
    model.score(asked, 40)
    result["slates_per_cpu_s"] = round(len(asked) / (time.process_time() - processor))
    result["slates_per_s"] = round(len(asked) / (time.perf_counter() - start))
    if processes:
        result["at_once"] = slates_at_once(model, asked, processes, rounds)
    return result


def of_neighbours(catalog: Catalog, log: InteractionLog, asked: Queries) -> dict[str, object]:
    """Count neighbours and make slates of them."""
    start = time.perf_counter()
    neighbours = neighbours_of(log, catalog, 40)
    result: dict[str, object] = {"fit_s": round(time.perf_counter() - start, 1)}
    start = time.perf_counter()
    asked.prefix_matrix(len(catalog), 0.8) @ neighbours.next
    result["slates_per_s"] = round(len(asked) / (time.perf_counter() - start))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--slates", type=int, default=5000)
    parser.add_argument("--ranking", choices=["neighbours", "blend"], default="neighbours")
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    frame = shop(arguments.rows, arguments.products)
    result: dict[str, object] = {"rows": len(frame), "products": arguments.products, "frame_gib": memory_gib()}
    start = time.perf_counter()
    catalog = build_catalog(None, frame)
    log = build_log(frame, catalog.products)
    result["log_s"] = round(time.perf_counter() - start, 1)
    asked = Queries.of([row.tolist() for row in log.product[: arguments.slates * 5].reshape(-1, 5)])
    if arguments.ranking == "blend":
        result |= of_blend(catalog, log, asked, arguments.processes, arguments.rounds)
    else:
        result |= of_neighbours(catalog, log, asked)
    result["peak_gib"] = memory_gib()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
