"""What a full training of a large shop takes: reading, comparison, last fit, publishing, each with its peak of memory.

    python -m benchmarks.recsys_full [--interactions 3000000] [--products 60000] [--folder DIR] [--environ NAME=VALUE]

On embedded servers, in `--folder` where it is to be kept for another run (it is made where it is not there). Seconds
are processor time of this process, which trains on as many threads as OMP_NUM_THREADS says.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.recsys_refresh import Shop
from campaigns.config import scaffold
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.recs_champion import challenge
from campaigns.storage.database import transaction

CHUNK = 200_000
PHASES = {"read_history", "begin_split", "_contender", "arena_of", "hold_contest", "learn", "_publish"}
PARTS = {
    "_copied", "read_interactions", "product_frame", "build_catalog", "build_log", "_source_weights", "_lesson",
    "fit_here", "cut_examples", "_learn", "neighbours_of", "bestseller_lists", "packed", "save_model", "make_slates",
    "population_of", "served", "slates_at", "check_no_leak", "log_name", "score", "write",
}  # fmt: skip


class Watch:
    """Looks every fifth of a second at what the main thread is at, and how much memory the process holds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.gib: dict[str, float] = defaultdict(float)
        self._main, self._before = threading.get_ident(), time.process_time()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(0.2)
            now, held = time.process_time(), int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**30
            name = self._phase()
            self.seconds[name] += now - self._before
            self.gib[name] = max(self.gib[name], held)
            self._before = now

    def _phase(self) -> str:
        frame, names = sys._current_frames().get(self._main), list[str]()
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        outer = [name for name in reversed(names) if name in PHASES]
        inner = [name for name in reversed(names) if name in PARTS]
        return " ".join([*outer[:1], *outer[1:2], *inner[:1]]) or "other"

    def as_json(self) -> dict[str, dict[str, float]]:
        return {
            name: {"cpu_s": round(self.seconds[name], 1), "gib": round(self.gib[name], 2)}
            for name in sorted(self.seconds, key=lambda one: -self.seconds[one])
        }


def fill(engine: Engine, interactions: int, products: int) -> None:
    shop, now = Shop(products, interactions // 20), datetime.now(UTC) - timedelta(minutes=5)
    with transaction(engine.database) as connection:
        shop.found(connection)
    parts = max(interactions // CHUNK, 1)
    began, part = now - timedelta(days=60), timedelta(days=60) / parts
    for number in range(parts):
        shop.add(engine, interactions // parts, began + number * part, began + (number + 1) * part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=3_000_000)
    parser.add_argument("--products", type=int, default=60_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--environ", nargs="*", default=[])
    options = parser.parse_args()
    with TemporaryDirectory(prefix="rekindle-full-") as scratch:
        folder = options.folder or Path(scratch) / "w"
        is_new = not folder.exists()
        if is_new:
            scaffold(folder, shop_id="units", shop_name="Units", shop_url="https://units.example")
        with open_engine(folder, environ=dict(one.split("=", 1) for one in options.environ)) as engine:
            if is_new:
                started = time.perf_counter()
                fill(engine, options.interactions, options.products)
                print(json.dumps({"filled_s": round(time.perf_counter() - started, 1)}), flush=True)
            watch, wall, processor = Watch(), time.perf_counter(), time.process_time()
            found = challenge(engine, force=True)
            spent = {"s": round(time.perf_counter() - wall, 1), "cpu_s": round(time.process_time() - processor, 1)}
            spent["peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
            print(json.dumps({**found.as_json(), "contest": found.contest.asked, **spent}, default=str))
            print(json.dumps(watch.as_json(), indent=1))


if __name__ == "__main__":
    main()
